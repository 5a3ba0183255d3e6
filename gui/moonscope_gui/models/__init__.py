"""Item models: values in, rows out. QtCore and QtGui only, never widgets."""
