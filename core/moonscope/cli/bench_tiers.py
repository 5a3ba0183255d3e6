"""The tiers that one benchmark run compares, each with a cache of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum

from .. import _native
from ..cache import runtime
from ..cache.code_cache import CodeCache
from ..errors import UnsupportedError, UsageError
from ..model import LuaVersion, Sharing

FILES = 10_000  # of a folder, at most


class Rival(StrEnum):
    """What is compared. `fixed` is no tier of Moonscope: Lua 5.5's own way to share, `lua_load` with mode "B"."""

    OFF = "off"
    BYTECODE = "bytecode"
    FIXED = "fixed"
    GRAFT = "graft"
    DIRECT = "direct"


def rivals(text: str) -> tuple[Rival, ...]:
    """Names separated by commas. Raises UsageError."""
    chosen = [name.strip() for name in text.split(",")]
    for name in chosen:
        if name not in list(Rival):
            raise UsageError(f"{name!r} is none of {', '.join(Rival)}")
    return tuple(rival for rival in Rival if rival in chosen)


def make_cache(lua: LuaVersion, rival: Rival) -> CodeCache:
    """A fresh cache; `direct` on Moonscope's own runtime, the others on lupa's Lua. Raises UnsupportedError."""
    if rival is not Rival.FIXED:
        return CodeCache(lua, sharing=Sharing(rival.value), own=rival is Rival.DIRECT)
    if lua is not LuaVersion.LUA55:
        raise UnsupportedError("only Lua 5.5 loads from a fixed buffer")
    cache = CodeCache(lua, sharing=Sharing.BYTECODE, own=False)
    cache._native = _native.Cache(cache.library.number, tier="fixed")
    return cache


def make_caches(lua: LuaVersion, chosen: Sequence[Rival]) -> tuple[dict[Rival, CodeCache], dict[Rival, str]]:
    """A cache for each that can be had here, and why the others cannot. Plain loads are always among them."""
    caches: dict[Rival, CodeCache] = {}
    missing: dict[Rival, str] = {}
    for rival in sorted({Rival.OFF, *chosen}, key=list(Rival).index):
        try:
            caches[rival] = make_cache(lua, rival)
        except UnsupportedError as error:
            if rival is Rival.OFF:
                raise
            missing[rival] = str(error)
    return caches, missing


def loadable(lua: LuaVersion, names: Sequence[bytes]) -> list[bytes]:
    """Those that compile, the first FILES of them: the others would measure error messages."""
    stock = runtime.library(lua, False)
    cache = _native.Cache(stock.number, tier="off")
    found: list[bytes] = []
    for name in names:
        try:
            cache.compile(name)
        except ValueError:
            continue
        found.append(name)
        if len(found) == FILES:
            break
    if not found:
        raise UnsupportedError(f"none of the files compiles as {lua.full_name}: {os.fsdecode(names[0])} is one of them")
    return found
