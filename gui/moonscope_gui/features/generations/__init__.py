"""Compiled versions in memory, and who keeps them."""
