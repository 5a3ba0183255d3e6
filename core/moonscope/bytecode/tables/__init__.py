"""One table per Lua: the layout of its dumps and its instruction set (`layout` and `opcodes` explain them)."""

from __future__ import annotations

from ...model import LuaVersion
from ..dialect import Dialect
from .lua51 import LUA51
from .lua52 import LUA52
from .lua53 import LUA53
from .lua54 import LUA54
from .lua55 import LUA55
from .luajit import LUAJIT20, LUAJIT21

DIALECTS: dict[LuaVersion, Dialect] = {
    each.layout.lua: each for each in (LUA51, LUA52, LUA53, LUA54, LUA55, LUAJIT20, LUAJIT21)
}

__all__ = ["DIALECTS"]
