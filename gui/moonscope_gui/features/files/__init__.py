"""The cached files."""
