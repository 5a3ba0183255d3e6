"""Widgets that know tables, messages and actions, and nothing of the engine."""
