"""The dockable parts of the window. A dock shows values and emits signals; it imports no other dock."""
