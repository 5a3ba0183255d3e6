"""The listing that `luajit -bl` prints (jit/bc.lua of both releases), line for line.

Where LuaJIT prints the address of a function this prints `#0`, `#1`, …: its number in the listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from math import inf

from ..model import Instruction, Prototype, walk
from .dialect import Dialect
from .text import as_listed, unquoted

_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SHOWN_STRING = 40  # bytes
_SHOWN_SOURCE = 40


def listing(root: Prototype, dialect: Dialect) -> str:
    """All functions, nested ones before the one they are in; ends in an empty line each."""
    order = _children_first(root)
    names = {id(prototype): _location(prototype, number) for number, prototype in enumerate(order)}
    out: list[str] = []
    for prototype in order:
        out.append(f"-- BYTECODE -- {names[id(prototype)]}-{prototype.last_line}")
        out += Lines(prototype, dialect, [names[id(child)] for child in prototype.children]).all()
        out.append("")
    return "\n".join(out) + "\n"


def lines(prototype: Prototype, dialect: Dialect) -> Lines:
    """Those of one function, as they stand in the listing of it and those nested in it."""
    names = {id(each): _location(each, number) for number, each in enumerate(_children_first(prototype))}
    return Lines(prototype, dialect, [names[id(child)] for child in prototype.children])


def _children_first(root: Prototype) -> list[Prototype]:
    return [prototype for _, prototype in sorted(walk(root), key=lambda found: (*found[0], inf))]


def _location(prototype: Prototype, number: int) -> str:
    source = prototype.source
    if source.startswith("@"):
        name = re.split(r"[/\\]", source[1:])[-1]
    elif len(source.encode("utf-8", "surrogateescape")) > _SHOWN_SOURCE:
        name = f"#{number}"
    else:
        name = source[1:] if source.startswith("=") else f'"{source}"'
    return f"{name}:{prototype.line}"


class Lines:
    """The lines of one function."""

    def __init__(self, prototype: Prototype, dialect: Dialect, children: list[str]) -> None:
        self._prototype = prototype
        self._dialect = dialect
        self._children = children
        types = prototype.constant_types
        self._functions = [at for at, kind in enumerate(types) if kind == "function"]
        self._objects = len(types) - types.count("number")

    def all(self) -> Iterator[str]:
        """One line of text for each instruction."""
        return (self._line(each) for each in self._prototype.code)

    def at(self, row: int) -> str:
        """The line of one instruction, from 0."""
        return self._line(self._prototype.code[row])

    @cached_property
    def _marked(self) -> set[int]:
        """The pcs that are jumped to."""
        return {_target(each) for each in self._prototype.code if self._kinds(each).endswith("j")}

    def _kinds(self, instruction: Instruction) -> str:
        return self._dialect.by_name[instruction.opcode].kinds

    def _line(self, instruction: Instruction) -> str:
        kinds, operands = self._kinds(instruction), instruction.operands
        mark = "=>" if instruction.pc in self._marked else "  "
        only_d = self._dialect.by_name[instruction.opcode].fields == ("D",)
        front = f"{instruction.pc:04d} {mark} {instruction.opcode:<6} {'' if only_d else operands[0]:>3} "
        if kinds.endswith("j"):
            return f"{front}=> {_target(instruction):04d}"
        if len(kinds) == 1 and not only_d:
            return front
        told = "".join(f"{each:>3} " for each in operands[1:-1]) + f"{self._number(kinds[-1], operands[-1]):>3}"
        comment = self._comment(instruction, kinds)
        if comment is None:
            return front + told
        return f"{front}{told}  ; {comment}" if len(kinds) == 3 else f"{front}{told}      ; {comment}"

    def _number(self, kind: str, operand: int) -> int:
        """An operand as it stands in the instruction."""
        if kind == "m":
            return operand - self._objects
        if kind in "kop" and operand < 0:
            return -1 - operand
        return self._functions[operand] if kind == "p" else operand

    def _comment(self, instruction: Instruction, kinds: str) -> str | None:
        """What stands behind the semicolon; None: there is none."""
        last = self._named(instruction, kinds[-1])
        if kinds[0] != "u":
            return last
        first = self._upvalue(instruction.operands[0])
        return first if last is None else f"{first} ; {last}"

    def _named(self, instruction: Instruction, kind: str) -> str | None:
        operand = instruction.operands[-1]
        if kind == "p":
            return self._children[operand] if 0 <= operand < len(self._children) else instruction.comment
        if kind == "u":
            return self._upvalue(operand)
        if kind not in "km":
            return None
        if instruction.opcode == "TSETM":
            return instruction.comment
        constants = self._prototype.constants
        text = constants[operand] if 0 <= operand < len(constants) else "(no constant)"
        if text.startswith('"'):
            return _string(text)
        return as_listed(text, (text,), ("number",)) if kind == "m" else text

    def _upvalue(self, index: int) -> str:
        upvalues = self._prototype.upvalues
        return upvalues[index].name if index < len(upvalues) else f"(no upvalue {index})"


def _target(instruction: Instruction) -> int:
    """Also of a LOOP, which does not jump, and of a jump that leads out of the function."""
    return instruction.pc + instruction.operands[-1] + 1


def _string(constant: str) -> str:
    """Control characters are escaped, then 40 bytes are shown; quotes and backslashes stand as they are."""
    data = unquoted(constant)
    text = _CONTROL.sub(lambda found: _NAMED.get(found[0], f"\\{ord(found[0]):03d}"), data.decode("latin-1"))
    if len(data) <= _SHOWN_STRING:
        return f'"{_readable(text)}"'
    return f'"{_readable(text[:_SHOWN_STRING])}"~'


def _readable(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "backslashreplace")
