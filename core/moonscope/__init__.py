"""Moonscope: a cache that shares Lua prototypes between many VMs, and the window onto it.

The engine is for any Python program; nothing heavy is imported until it is asked for:

    import moonscope
    with moonscope.Engine() as engine:
        server = moonscope.serve(engine)     # `moonscope attach` opens the window on it
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import MoonscopeError
from .model import CacheMode, LuaVersion, Sharing, VMOptions

if TYPE_CHECKING:
    from .cache.code_cache import CodeCache
    from .client.engine_client import EngineClient
    from .engine import Engine
    from .host import serve
    from .version import __version__
    from .vms.pool import VMPool
    from .vms.vm import LuaVM

__all__ = [
    "CacheMode",
    "CodeCache",
    "Engine",
    "EngineClient",
    "LuaVM",
    "LuaVersion",
    "MoonscopeError",
    "Sharing",
    "VMOptions",
    "VMPool",
    "__version__",
    "serve",
]

_WHERE = {
    "CodeCache": "cache.code_cache",
    "Engine": "engine",
    "EngineClient": "client.engine_client",
    "LuaVM": "vms.vm",
    "VMPool": "vms.pool",
    "__version__": "version",
    "serve": "host",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value
