"""The names of the standard library of each Lua: globals, and the fields of those that are tables.

As a VM of lupa has them, which builds without Lua's compatibility switches from 5.2 on; a test asks the real VMs.
A dotted name is a field one level deep ("string.format").
"""

from __future__ import annotations

from ..model import LuaVersion

_EVERYWHERE = """
    _G _VERSION assert collectgarbage dofile error getmetatable ipairs load loadfile next pairs pcall print rawequal
    rawget rawset require select setmetatable tonumber tostring type xpcall
    coroutine: create resume running status wrap yield
    debug: debug gethook getinfo getlocal getmetatable getregistry getupvalue sethook setlocal setmetatable setupvalue
        traceback
    io: close flush input lines open output popen read stderr stdin stdout tmpfile type write
    math: abs acos asin atan ceil cos deg exp floor fmod huge log max min modf pi rad random randomseed sin sqrt tan
    os: clock date difftime execute exit getenv remove rename setlocale time tmpname
    package: config cpath loaded loadlib path preload
    string: byte char dump find format gmatch gsub len lower match rep reverse sub upper
    table: concat insert remove sort
"""
_OLD = """
    gcinfo getfenv loadstring module newproxy setfenv unpack
    debug: getfenv setfenv
    math: atan2 cosh frexp ldexp log10 pow sinh tanh
    package: loaders seeall
    table: foreach foreachi getn maxn
"""
_FROM_52 = """
    rawlen
    debug: getuservalue setuservalue upvalueid upvaluejoin
    package: searchers searchpath
    table: pack unpack
"""
_FROM_53 = """
    coroutine: isyieldable
    math: maxinteger mininteger tointeger type ult
    string: pack packsize unpack
    table: move
    utf8: char charpattern codepoint codes len offset
"""
_FROM_54 = """
    warn
    coroutine: close
"""
_JIT = """
    bit: arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex
    debug: upvalueid upvaluejoin
    jit: arch attach flush off on opt os status version version_num
    package: searchpath
"""
_BIT32 = "bit32: arshift band bnot bor btest bxor extract lrotate lshift replace rrotate rshift"
_TEXTS = {
    LuaVersion.LUA51: (_OLD, "math: mod", "string: gfind", "table: setn"),
    LuaVersion.LUA52: (_FROM_52, _BIT32, "math: atan2 cosh frexp ldexp pow sinh tanh"),
    LuaVersion.LUA53: (_FROM_52, _FROM_53),
    LuaVersion.LUA54: (_FROM_52, _FROM_53, _FROM_54, "debug: setcstacklimit"),
    LuaVersion.LUA55: (_FROM_52, _FROM_53, _FROM_54, "math: frexp ldexp", "table: create"),
    LuaVersion.LUAJIT20: (_OLD, _JIT, "math: mod", "string: gfind", "jit: util"),
    LuaVersion.LUAJIT21: (_OLD, _JIT, "coroutine: isyieldable", "jit: security", "table: move"),
}


def _names(texts: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        table = ""  # words before the first "table:" are globals
        for word in text.split():
            if word.endswith(":"):
                table = word[:-1]
                found.add(table)
            else:
                found.add(f"{table}.{word}" if table else word)
    return frozenset(found)


STANDARD: dict[LuaVersion, frozenset[str]] = {lua: _names((_EVERYWHERE, *more)) for lua, more in _TEXTS.items()}
"""Globals and dotted fields, by Lua."""

TABLES: dict[LuaVersion, frozenset[str]] = {
    lua: frozenset({"_G"} | {name.partition(".")[0] for name in names if "." in name})
    for lua, names in STANDARD.items()
}
"""The globals that are tables."""


def others_with(name: str, lua: LuaVersion) -> tuple[LuaVersion, ...]:
    """The other Luas whose standard library has `name`."""
    return tuple(other for other in LuaVersion if other is not lua and name in STANDARD[other])
