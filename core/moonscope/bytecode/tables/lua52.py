"""Lua 5.2: dump layout and instruction set (facts: ldump.c, lopcodes.h and luac of 5.2.4)."""

from __future__ import annotations

from ...model import LuaVersion
from .. import layout as at
from ..dialect import Dialect
from ..formats import FORMAT_51
from ..reader import FixedCursor
from .lua51 import LUA51

LAYOUT = at.Layout(
    lua=LuaVersion.LUA52,
    cursor=FixedCursor,
    header=(
        (b"\x1bLua\x52\0", "version"),
        (b"\x01", "byte order"),
        (b"\x04\x08\x04\x08\0", "size of a number"),
        (b"\x19\x93\r\n\x1a\n", "guard against text conversion"),
    ),
    leading_upvalues=False,
    tags={0: "nil", 1: "boolean", 3: "number", 4: "string"},
    upvalue_bytes=2,
    line_bytes=4,
    sections=(
        at.lines,
        at.frame,
        at.code,
        at.constants,
        None,
        at.upvalues,
        at.source,
        at.line_info,
        at.local_variables,
        at.upvalue_names,
    ),
)

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

LUA52 = Dialect(
    LAYOUT,
    FORMAT_51,
    OPCODES,
    base=LUA51,
    float_format="%.14g",
    integers=False,
    header_bytes=128,
    upvalue_bytes=16,
    first_constant=1,
)
