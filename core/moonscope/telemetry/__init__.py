"""What happened: rows, samples and events of an engine, kept by revision so that clients read only what changed.

Reads caches and VMs and changes neither. Knows nothing of commands and connections.
"""
