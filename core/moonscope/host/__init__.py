"""Serving an engine to windows: `serve` in any program, `main` as a process of its own."""

from .main import main
from .server import EngineLike, Limits, Server, serve

__all__ = ["EngineLike", "Limits", "Server", "main", "serve"]
