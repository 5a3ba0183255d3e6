"""The load log."""
