"""Instructions of all Luas in one shape: what their operands name, and how they use tables.

A *slot* is where a value can be: a register from 0 up, an upvalue as `upvalue_slot(i)`, the environment of a
function of Lua 5.1 as `ENVIRONMENT`. A *source* is where a key or value comes from: a register from 0 up, or
constant i as -1 - i (the way listings of 5.1 – 5.3 print it). LuaJIT is told in the words of 5.1 (`bytecode.as51`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..bytecode import text
from ..model import Instruction, LuaVersion, Prototype

JITS = frozenset({LuaVersion.LUAJIT20, LuaVersion.LUAJIT21})
LIKE_51 = JITS | {LuaVersion.LUA51}
"""Luas whose functions have an environment instead of a variable `_ENV`."""
OLD = LIKE_51 | {LuaVersion.LUA52, LuaVersion.LUA53}
"""Luas whose instructions tell constants from registers by the sign of an operand."""
ENVIRONMENT = -1000  # below all upvalues: there are at most 255
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def upvalue_slot(index: int) -> int:
    return -1 - index


def unquoted(constant: str) -> str:
    """The text of a string constant; bytes that are not UTF-8 as \\xNN."""
    return text.unquoted(constant).decode("utf-8", "backslashreplace")


def field_name(table: str, constant: str) -> str:
    """The path of a field as a program writes it; `table` is "" for the table of globals."""
    name = unquoted(constant) if constant.startswith('"') else ""
    if _IDENTIFIER.match(name):
        return f"{table}.{name}" if table else name
    shown = f'"{name}"' if name and name.isprintable() and not set('"\\') & set(name) else constant
    return f"{table or '_G'}[{shown}]"


class TableUse(NamedTuple):
    """A read from a table into a register, or a write of a value to it."""

    table: int  # slot
    key: int | None  # source; None: a number that is part of the instruction
    into: int | None = None  # register, for reads
    value: int | None = None  # source, for writes


def table_use(instruction: Instruction, old: bool) -> TableUse | None:
    """How an instruction uses a table; None when it does not. `old`: of 5.1 – 5.3."""
    operands = instruction.operands
    match instruction.opcode:
        case "GETGLOBAL":
            return TableUse(ENVIRONMENT, operands[1], into=operands[0])
        case "SETGLOBAL":
            return TableUse(ENVIRONMENT, operands[1], value=operands[0])
        case "GETTABUP":
            return TableUse(upvalue_slot(operands[1]), _key(operands[2], not old), into=operands[0])
        case "SETTABUP":
            return TableUse(upvalue_slot(operands[0]), _key(operands[1], not old), value=_value(operands, old))
        case "GETTABLE":
            return TableUse(operands[1], operands[2], into=operands[0])
        case "SETTABLE":
            return TableUse(operands[0], operands[1], value=_value(operands, old))
        case "GETFIELD":
            return TableUse(operands[1], _key(operands[2], True), into=operands[0])
        case "SETFIELD":
            return TableUse(operands[0], _key(operands[1], True), value=_value(operands, old))
        case "GETI":
            return TableUse(operands[1], None, into=operands[0])
        case "SETI":
            return TableUse(operands[0], None, value=_value(operands, old))
        case "SELF":
            constant = not old and (len(operands) < 4 or bool(operands[3]))
            return TableUse(operands[1], _key(operands[2], constant), into=operands[0])
    return None


def _key(operand: int, constant: bool) -> int:
    return -1 - operand if constant else operand


def _value(operands: tuple[int, ...], old: bool) -> int:
    return operands[2] if old else _key(operands[2], bool(operands[3]))


def constant_at(prototype: Prototype, source: int) -> tuple[str, str] | None:
    """Text and type of the constant that a source names; None for a register or a constant that is not there."""
    index = -1 - source
    if not 0 <= index < len(prototype.constants):
        return None
    return prototype.constants[index], prototype.constant_types[index]
