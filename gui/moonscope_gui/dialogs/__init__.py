"""Dialogs; all open without blocking and answer by a callback."""
