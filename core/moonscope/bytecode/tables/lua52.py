"""Lua 5.2: dump layout and instruction set (facts: ldump.c, lopcodes.h and luac of 5.2.4)."""

from __future__ import annotations

from dataclasses import replace

from ...model import LuaVersion
from ..layout import sections
from .lua51 import LUA51

OPCODES = """
    - GETGLOBAL SETGLOBAL TFORLOOP CLOSE
    after LOADK
    rA         | A = ?                              |          : LOADKX
    rA nB      | A..A+B = ?                         |          : LOADNIL
    after GETUPVAL
    rA uB xC   | A = B[C]                           |          : GETTABUP
    after GETTABLE
    uA xB xC   | A[B] = C                           |          : SETTABUP
    iA jsBx    | to pc + 1 + sBx; stop              | to       : JMP
    rA fC      | skip                               |          : TEST
    after FORPREP
    rA nC      | A.. = ?                            |          : TFORCALL
    rA jsBx    | A.. = ?; to pc + 1 + sBx           | to       : TFORLOOP
    after VARARG
    kAx        |                                    |          : EXTRAARG
"""
"""What differs from 5.1."""

LUA52 = replace(
    LUA51,
    layout=replace(
        LUA51.layout,
        lua=LuaVersion.LUA52,
        header=(
            (b"\x1bLua\x52\0", "version"),
            (b"\x01", "byte order"),
            (b"\x04\x08\x04\x08\0", "size of a number"),
            (b"\x19\x93\r\n\x1a\n", "guard against text conversion"),
        ),
        upvalue_bytes=2,
        sections=sections(
            "lines frame code constants children upvalues source line_info local_variables upvalue_names"
        ),
    ),
    table=OPCODES,
    base=LUA51,
    header_bytes=128,
    upvalue_bytes=16,
    data_in_code=False,
    has_environments=False,
)
