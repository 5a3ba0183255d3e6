"""Start, main window, layout, settings, status: what puts the parts of the window together."""
