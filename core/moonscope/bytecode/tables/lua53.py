"""Lua 5.3: dump layout and instruction set (facts: ldump.c, lopcodes.h and luac of 5.3.6)."""

from __future__ import annotations

from ...model import LuaVersion
from .. import layout as at
from ..dialect import Dialect
from ..formats import FORMAT_51
from ..reader import ShortCursor
from .lua52 import LUA52

LAYOUT = at.Layout(
    lua=LuaVersion.LUA53,
    cursor=ShortCursor,
    header=(
        (b"\x1bLua\x53\0", "version"),
        (b"\x19\x93\r\n\x1a\n", "guard against text conversion"),
        (b"\x04\x08\x04\x08\x08", "size of a number"),
        (b"\x78\x56\0\0\0\0\0\0", "byte order"),
        (b"\0\0\0\0\0\x28\x77\x40", "format of a float"),
    ),
    leading_upvalues=True,
    tags={0: "nil", 1: "boolean", 0x03: "number", 0x13: "integer", 0x04: "string", 0x14: "string"},
    upvalue_bytes=2,
    line_bytes=4,
    sections=(
        at.source,
        at.lines,
        at.frame,
        at.code,
        at.constants,
        at.upvalues,
        None,
        at.line_info,
        at.local_variables,
        at.upvalue_names,
    ),
)

OPCODES = """
    - DIV MOD POW
    after MUL
    rA xB xC   | A = ?                              | pair     : MOD POW DIV IDIV BAND BOR BXOR SHL SHR
    after UNM
    rA rB      | A = ?                              |          : BNOT
"""
"""What differs from 5.2."""

LUA53 = Dialect(
    LAYOUT,
    FORMAT_51,
    OPCODES,
    base=LUA52,
    float_format="%.14g",
    integers=True,
    header_bytes=120,
    upvalue_bytes=16,
    first_constant=1,
)
