"""Lua typed by a person, run in the selected VMs."""
