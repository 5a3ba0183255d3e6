"""Clearing the cache, and its limits."""
