"""The one place where events of the engine become Qt signals, and requests that run beside the window."""
