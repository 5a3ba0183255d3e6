"""lupa, in one place: which Luas are here. No other file imports lupa.

For Lua 5.4 and 5.5 there may be a second library, of the distribution `moonscope-runtime`: lupa built with a Lua that
lets all VMs intern the frozen strings (tier `direct`). Both can be used in one process, by different caches.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType
from typing import Any

from .. import _native
from ..errors import UnsupportedError
from ..model import LuaVersion, Sharing, Tier

_MODULES = {
    LuaVersion.LUA51: "lupa.lua51",
    LuaVersion.LUA52: "lupa.lua52",
    LuaVersion.LUA53: "lupa.lua53",
    LuaVersion.LUA54: "lupa.lua54",
    LuaVersion.LUA55: "lupa.lua55",
    LuaVersion.LUAJIT20: "lupa.luajit20",
    LuaVersion.LUAJIT21: "lupa.luajit21",
}
_OWN_MODULES = {LuaVersion.LUA54: "moonscope_runtime.lua54", LuaVersion.LUA55: "moonscope_runtime.lua55"}

_TIERS = ("direct", "graft", "bytecode", "off")  # who can have one can have those that follow


class Library:
    """One Lua as a loaded library that the C part can use. `release` is exact, e.g. "Lua 5.4.8"."""

    def __init__(self, lua: LuaVersion, module: ModuleType, number: int, own: bool) -> None:
        path = module.__file__
        if path is None:
            raise UnsupportedError(f"{module.__name__} is built into the interpreter, not a library that can be shared")
        try:
            self.release = _native.bind(number, path)
        except OSError as error:
            raise UnsupportedError(f"Lua {lua} of {module.__name__} cannot be used: {error}") from error
        self.lua = lua
        self.module = module
        self.number = number
        """The `lua` of the C part."""
        self.best = Tier(_native.Cache(number, ring=1).tier)
        self.why = _why(lua, self.best, self.release, own)
        """Why there is no better tier than `best`; empty when there is none."""

    def can(self, sharing: Sharing) -> bool:
        """Whether VMs of this Lua can share in that way."""
        return sharing in (Sharing.AUTO, Sharing.OFF) or _TIERS.index(sharing.value) >= _TIERS.index(self.best.value)

    def new_runtime(self) -> Any:
        """A runtime as the programs make them that attach theirs, for comparisons; it speaks bytes. VMs are none."""
        return self.module.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)

    def made(self, runtime: object) -> bool:
        """Whether a runtime of a program comes from this library (each module has its own class)."""
        return isinstance(runtime, self.module.LuaRuntime)


def library(lua: LuaVersion, own: bool | None = None) -> Library:
    """The library of a Lua: Moonscope's own (True), lupa's (False), the own one where it is installed (None).

    Raises UnsupportedError with what to install.
    """
    if own is None:
        own = has_own(lua)
    return _library(lua, own)


@functools.cache
def has_own(lua: LuaVersion) -> bool:
    """Whether Moonscope's own runtime of that Lua is installed."""
    return lua in _OWN_MODULES and importlib.util.find_spec("moonscope_runtime") is not None


def libraries(own: bool | None = None) -> tuple[Library, ...]:
    """What can be used here, one for each Lua, `own` as in `library`. The first call imports them (20 ms)."""
    found = []
    for lua in LuaVersion:
        try:
            found.append(library(lua, own if own is None or lua in _OWN_MODULES else False))
        except UnsupportedError:
            continue
    return tuple(found)


@functools.cache
def _library(lua: LuaVersion, own: bool) -> Library:
    name = (_OWN_MODULES if own else _MODULES).get(lua)
    if name is None:
        raise UnsupportedError(f"Moonscope's own runtime has no Lua {lua}, only {' and '.join(_OWN_MODULES)}")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        what = "install moonscope-runtime" if own else "install a wheel of lupa that ships it"
        raise UnsupportedError(f"there is no Lua {lua} here ({name}: {error}); {what}") from error
    return Library(lua, module, _native.LUAS.index(f"own {lua}" if own else lua.value), own)


def _why(lua: LuaVersion, best: Tier, release: str, own: bool) -> str:
    if best is Tier.DIRECT:
        return ""
    if lua not in _OWN_MODULES:
        return "code can be shared on Lua 5.4 and 5.5 only"
    if best is Tier.GRAFT:
        if own:
            return "the moonscope-runtime that is installed belongs to another version of Moonscope"
        return "this is lupa's Lua; with moonscope-runtime installed, VMs share constants too"
    return f"the memory layout of {release} is not known to Moonscope"
