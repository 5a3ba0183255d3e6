"""Instructions as text that can be compared: what they say, without what shifts when something else changes.

Constants and upvalues stand with their values and names instead of numbers, jumps are relative, lines are left out.
Constants that are no strings stand in k(…), which tells them from registers and counts.
"""

from __future__ import annotations

from ..bytecode.dialect import Dialect
from ..bytecode.tables import DIALECTS
from ..model import Instruction, LuaVersion, Prototype
from .operands import JITS, OLD, constant_at

_UPVALUE_AT = {"GETUPVAL": 1, "SETUPVAL": 1, "GETTABUP": 1, "SETTABUP": 0}
_CONSTANT_AT = {"LOADK": 1, "GETTABUP": 2, "GETFIELD": 2, "SETTABUP": 1, "SETFIELD": 1, "EQK": 1, "MMBINK": 1}
_CONSTANT_AT |= {f"{name}K": 2 for name in ("ADD", "SUB", "MUL", "MOD", "POW", "DIV", "IDIV", "BAND", "BOR", "BXOR")}
"""Operands of 5.4 and 5.5 that always are constants."""
_FLAGGED = frozenset({"SETTABUP", "SETTABLE", "SETI", "SETFIELD", "SELF"})
"""5.4 and 5.5: operand 2 is a constant when operand 3, the flag k, says so."""
_NO_CONSTANTS = frozenset({"SETLIST", "NEWTABLE"})
"""5.1 – 5.3: large counts look like constants."""


def normal_texts(prototype: Prototype, lua: LuaVersion) -> list[str]:
    """The instructions of a prototype, one text each."""
    return [" ".join(normal_words(instruction, prototype, lua)) for instruction in prototype.code]


def normal_words(instruction: Instruction, prototype: Prototype, lua: LuaVersion) -> list[str]:
    """The opcode and what each operand says; operands that say nothing of their own are left out at the end."""
    if lua in JITS:
        return _jit_words(instruction, prototype, DIALECTS[lua])
    return _words(instruction, prototype, lua, lua in OLD)


def normal_constants(prototype: Prototype) -> tuple[str, ...]:
    """Without nested functions, which LuaJIT has among them: they are told by their lines, which shift."""
    typed = zip(prototype.constants, prototype.constant_types, strict=True)
    return tuple([text for text, kind in typed if kind != "function"])


def _words(instruction: Instruction, prototype: Prototype, lua: LuaVersion, old: bool) -> list[str]:
    opcode, operands = instruction.opcode, instruction.operands
    shown = [str(operand) for operand in operands]
    if opcode == "CLOSURE" and operands[1] < len(prototype.children):
        shown[1] = prototype.children[operands[1]].name or "function"
    elif opcode == "ERRNNIL":
        shown[1] = instruction.comment
    elif not instruction.target:
        for at in range(len(operands)):
            source = _constant_source(opcode, operands, at, lua, old)
            constant = constant_at(prototype, source) if source is not None else None
            if constant is not None:
                shown[at] = constant[0] if constant[1] == "string" else f"k({constant[0]})"
        if not old and opcode in _FLAGGED:
            del shown[3:]
    where = _UPVALUE_AT.get(opcode)
    if where is not None and 0 <= operands[where] < len(prototype.upvalues):
        shown[where] = prototype.upvalues[operands[where]].name or shown[where]
    return [opcode, *shown]


def _jit_words(instruction: Instruction, prototype: Prototype, dialect: Dialect) -> list[str]:
    opcode, operands = instruction.opcode, instruction.operands
    shown = [str(operand) for operand in operands]
    for at, (mode, operand) in enumerate(zip(dialect.by_name[opcode].modes, operands, strict=True)):
        if mode == "func" and 0 <= operand < len(prototype.children):
            shown[at] = prototype.children[operand].name or "function"
        elif mode == "uv" and operand < len(prototype.upvalues):
            shown[at] = prototype.upvalues[operand].name or shown[at]
        elif mode in ("str", "num", "tab", "cdata"):
            constant = constant_at(prototype, -1 - operand)
            if constant is not None:
                shown[at] = constant[0] if constant[1] == "string" else f"k({constant[0]})"
    return [opcode, *shown]


def _constant_source(opcode: str, operands: tuple[int, ...], at: int, lua: LuaVersion, old: bool) -> int | None:
    """Operand `at` as the source of a constant (see `operands`), None when it is something else."""
    if old:
        return operands[at] if operands[at] < 0 and opcode not in _NO_CONSTANTS else None
    flagged = at == 2 and opcode in _FLAGGED and (operands[3] if len(operands) > 3 else lua is LuaVersion.LUA55)
    return -1 - operands[at] if flagged or _CONSTANT_AT.get(opcode) == at else None
