"""Lua 5.5: dump layout and instruction set (facts: ldump.c, lopcodes.h of 5.5.1; luac of 5.5.0).

luac of 5.5.0 still takes the low part of a table size to have 8 bits and so prints wrong sizes in the comments of
NEWTABLE and SETLIST from 1,024 array items on; here it has the 10 bits that the VM uses.
"""

from __future__ import annotations

from dataclasses import replace

from ...model import LuaVersion
from ..layout import sections
from ..reader import ReuseCursor
from .lua54 import LUA54

OPCODES = """
    - SHRI SHLI
    rA nvB nvC lk | A = ?                           | size 10     : NEWTABLE
    rA rB kC      | A+1 = B; A = B[C]               |             : SELF*
    after BXORK
    rA rB isC     | A = ?                           |             : SHLI SHRI
    rA nvB nvC lk | give A+1, vB or -1              | offset 10   : SETLIST
    rA iB nC lk   | A..A+C-2 = ?                    | C out       : VARARG
    after VARARG
    rA rB rC      | A = ?                           |             : GETVARG
    rA gBx        | declare                         |             : ERRNNIL
"""
"""What differs from 5.4."""

LUA55 = replace(
    LUA54,
    layout=replace(
        LUA54.layout,
        lua=LuaVersion.LUA55,
        cursor=ReuseCursor,
        header=(
            (b"\x1bLua\x55\0", "version"),
            (b"\x19\x93\r\n\x1a\n", "guard against text conversion"),
            (b"\x04\x88\xa9\xff\xff", "format of an int"),
            (b"\x04\x78\x56\x34\x12", "format of an instruction"),
            (b"\x08\x88\xa9\xff\xff\xff\xff\xff\xff", "format of an integer"),
            (b"\x08\0\0\0\0\0\x28\x77\xc0", "format of a float"),
        ),
        sections=sections(
            "lines frame code constants upvalues children source line_info aligned_line_marks "
            "local_variables upvalue_names"
        ),
    ),
    table=OPCODES,
    base=LUA54,
    float_format="%.15g",
    vararg_mask=0x03,
)
