"""Talking to a host: a connection for commands and updates, and starting a host process.

Knows values, commands and the wire. The engine's own modules are not loaded in the process of a client.
"""
