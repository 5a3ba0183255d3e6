"""Lua 5.3: dump layout and instruction set (facts: ldump.c, lopcodes.h and luac of 5.3.6)."""

from __future__ import annotations

from dataclasses import replace

from ...model import LuaVersion
from ..layout import sections
from ..reader import ShortCursor
from .lua52 import LUA52

OPCODES = """
    - DIV MOD POW
    after MUL
    rA xB xC   | A = ?                              | pair     : MOD POW DIV IDIV BAND BOR BXOR SHL SHR
    after UNM
    rA rB      | A = ?                              |          : BNOT
"""
"""What differs from 5.2."""

LUA53 = replace(
    LUA52,
    layout=replace(
        LUA52.layout,
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
        sections=sections(
            "source lines frame code constants upvalues children line_info local_variables upvalue_names"
        ),
    ),
    table=OPCODES,
    base=LUA52,
    integers=True,
    header_bytes=120,
)
