"""Versions of files in memory."""
