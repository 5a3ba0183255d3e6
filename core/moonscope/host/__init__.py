"""Serving an engine to windows: `serve` in any program, `main` as a process of its own.

Works with anything that is an `EngineLike`. Knows nothing of VMs and caches: what a command does stands in `commands`.
"""

from .main import main
from .server import EngineLike, Limits, Server, serve

__all__ = ["EngineLike", "Limits", "Server", "main", "serve"]
