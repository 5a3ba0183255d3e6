"""Lua 5.2: dump layout and instruction set (facts: ldump.c, lopcodes.h and luac of 5.2.4)."""

from __future__ import annotations

from ...model import LuaVersion
from .. import layout as at
from ..dialect import Dialect
from ..opcodes import OLD, Opcode, child, forward, join, maybe_constant, old_constant, pair, skip_if, upvalue
from ..reader import FixedCursor
from .old import set_list

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

OPCODES = (
    Opcode("MOVE", "A B"),
    Opcode("LOADK", "A K", old_constant(1)),
    Opcode("LOADKX", "A"),
    Opcode("LOADBOOL", "A B C", jump=skip_if(2)),
    Opcode("LOADNIL", "A B"),
    Opcode("GETUPVAL", "A B", upvalue(1)),
    Opcode("GETTABUP", "A B C", join(upvalue(1), maybe_constant(2))),
    Opcode("GETTABLE", "A B C", maybe_constant(2)),
    Opcode("SETTABUP", "A B C", join(upvalue(0), maybe_constant(1), maybe_constant(2))),
    Opcode("SETUPVAL", "A B", upvalue(1)),
    Opcode("SETTABLE", "A B C", pair(1, 2)),
    Opcode("NEWTABLE", "A B C"),
    Opcode("SELF", "A B C", maybe_constant(2)),
    Opcode("ADD", "A B C", pair(1, 2)),
    Opcode("SUB", "A B C", pair(1, 2)),
    Opcode("MUL", "A B C", pair(1, 2)),
    Opcode("DIV", "A B C", pair(1, 2)),
    Opcode("MOD", "A B C", pair(1, 2), silent=True),
    Opcode("POW", "A B C", pair(1, 2)),
    Opcode("UNM", "A B"),
    Opcode("NOT", "A B"),
    Opcode("LEN", "A B"),
    Opcode("CONCAT", "A B C"),
    Opcode("JMP", "A sBx", jump=forward(1), to="to"),
    Opcode("EQ", "A B C", pair(1, 2)),
    Opcode("LT", "A B C", pair(1, 2)),
    Opcode("LE", "A B C", pair(1, 2)),
    Opcode("TEST", "A C"),
    Opcode("TESTSET", "A B C"),
    Opcode("CALL", "A B C"),
    Opcode("TAILCALL", "A B C"),
    Opcode("RETURN", "A B"),
    Opcode("FORLOOP", "A sBx", jump=forward(1), to="to"),
    Opcode("FORPREP", "A sBx", jump=forward(1), to="to"),
    Opcode("TFORCALL", "A C"),
    Opcode("TFORLOOP", "A sBx", jump=forward(1), to="to"),
    Opcode("SETLIST", "A B C", set_list),
    Opcode("CLOSURE", "A Bx", child(1)),
    Opcode("VARARG", "A B"),
    Opcode("EXTRAARG", "KAx", old_constant(0)),
)

LUA52 = Dialect(
    LAYOUT,
    OLD,
    OPCODES,
    float_format="%.14g",
    integers=False,
    header_bytes=128,
    upvalue_bytes=16,
    first_constant=1,
)
