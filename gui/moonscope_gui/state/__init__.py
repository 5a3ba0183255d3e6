"""What the window knows of its source, and how it says so in words. QtCore and QtGui only, never widgets."""
