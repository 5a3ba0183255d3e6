"""The one place where events of the engine become Qt signals, and work that runs beside the window."""
