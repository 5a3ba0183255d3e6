"""The instructions of a Lua, each described once. Names, listings, comparison, the analysis of globals and the window
read what they know of an opcode from here.

A table of opcodes has a row for each kind of instruction, `operands | effect | comment : NAME NAME …`.

**Operands** stand in the order in which luac prints them: a letter for what the operand is, and its field.

    r register    k constant    x register or constant    u upvalue    p nested function    v metamethod
    j distance of a jump    n number of values    i other number    f flag    l flag that luac prints as a letter
    g constant + 1, the name of a global; 0 for none
    LuaJIT only: m number constant    o constant that is neither string nor number    y nil, false or true

**Effect**: steps that are carried out one after the other; fields stand for operands.

    A = B    A+1 = B    A = B[C]    A[B] = C    a value is put somewhere, read from a table or written to one
    A = G[B]    G[B] = A                         the same with the table of globals of the function
    A = ?    A..A+B = ?    A.. = ?               registers get values that are not known here; an end that lies two
                                                 before the beginning, from a count of 0, means up to the top
    call A, B-1                                  the function in A is called with so many arguments (-1: up to the top);
                                                 its results are put into the registers from A on
    give A+1, B                                  the values of so many registers leave the function or go into a table
    declare                                      the instruction before only looked whether a global is new
    to pc + 1 + B    to pc + 2 if C              the pc that it may jump to
    skip                                         it may pass over the next instruction
    stop                                         the next instruction is not what follows

**Comment**: what luac prints behind the semicolon (see `comments`); when it is empty, what the operands name.

A `*` behind a name says that luac leaves its comment out. A table can be told by what differs from another: then a row
stands for those of the same names, `- NAME …` takes some away, and new names come in `after NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from .comments import Comment, Scope, comment_of
from .effects import effect_of
from .formats import Format

Operands: TypeAlias = tuple[int, ...]
Jump: TypeAlias = Callable[[Operands, int], int | None]
"""The pc that an instruction may jump to, from its operands and its own pc."""


@dataclass(frozen=True)
class Opcode:
    """One row of a table, for one name."""

    name: str
    kinds: str  # the letter of each operand
    fields: tuple[str, ...]  # and its field
    steps: tuple[str, ...]  # of the effect
    told: str  # the comment, as the table has it
    silent: bool  # luac leaves the comment out
    form: Format

    @property
    def skips(self) -> bool:
        """Whether the next instruction may be skipped."""
        return "skip" in self.steps

    @property
    def stops(self) -> bool:
        """Whether the instruction after it is never executed next."""
        return "stop" in self.steps

    @cached_property
    def decode(self) -> Callable[[int, Scope], Operands]:
        """The operands in an instruction word. One function for all: a call for each would take most of the time of
        reading."""
        told = zip(self.kinds, self.fields, strict=True)
        together = "".join(f"({self.form.expression(kind, field)})," for kind, field in told)
        decode: Callable[[int, Scope], Operands] = eval(f"lambda word, scope: ({together})")
        return decode

    @cached_property
    def jump(self) -> Jump | None:
        """A function of operands and pc that gives the target of the jump; None if it never jumps."""
        target = next((step[3:] for step in self.steps if step.startswith("to ")), "")
        if " if " in target:
            target += " else None"
        return self._function(target, "operands, pc") if target else None

    @cached_property
    def comment(self) -> Comment | None:
        """A function that makes the comment of a listing; None if there is no comment."""
        return comment_of(self.told, self.kinds, self.fields, self.form, self.jump, self._function)

    @cached_property
    def carry_out(self) -> Callable[[Any, Operands], object] | None:
        """Does to a `follow.Follower` what the instruction does with values; None: nothing."""
        effect = effect_of(self.steps, dict(zip(self.fields, self.kinds, strict=True)), self.form)
        return self._function(effect, "follower, operands") if effect else None

    def named(self, operands: Operands) -> list[tuple[str, int]]:
        """What the operands are: the letter of each, where `x`, `g`, `m`, `o` and `l` have become `r`, `k`, `i` or
        `f`, and its number, which counts constants from 0."""
        return [self.operand(at, operands) for at in range(len(self.kinds))]

    def operand(self, at: int, operands: Operands) -> tuple[str, int]:
        """`named` for one of them."""
        kind, number = self.kinds[at], operands[at]
        if kind == "x":
            kind = "k" if (number < 0 if self.form.negates_constants else operands[-1]) else "r"
        if kind == "g":
            return ("k", number - 1) if number else ("i", 0)
        if kind == "k" and self.form.negates_constants:
            return kind, -1 - number
        return _SIMPLE.get(kind, kind), number

    def _function(self, expression: str, parameters: str = "operands") -> Any:
        """An expression with fields in it as a function of the operands."""

        def operand(name: re.Match[str]) -> str:
            return f"operands[{self.fields.index(name[0])}]" if name[0] in self.fields else name[0]

        return eval(f"lambda {parameters}: {re.sub(r'[A-Za-z_]+', operand, expression)}")


_SIMPLE = {"m": "k", "o": "k", "l": "f"}


def read_table(table: str, form: Format, base: Mapping[str, Opcode] | None = None) -> dict[str, Opcode]:
    """The opcodes of a table by name, in the order of their numbers; `base` are those that it tells the differences
    from."""
    found = dict(base or {})
    order = list(found)
    place = len(order)
    for line in table.strip().splitlines():
        row, _, names = line.rpartition(":")
        first, *more = line.split()
        if first == "-":
            order = [name for name in order if name not in more]
        elif first == "after":
            place = order.index(more[0]) + 1
        else:
            operands, effect, told = (cell.strip() for cell in row.split("|"))
            kinds, fields = "".join(each[0] for each in operands.split()), tuple(each[1:] for each in operands.split())
            steps = tuple(step.strip() for step in effect.split(";"))
            for name in names.split():
                plain = name.rstrip("*")
                found[plain] = Opcode(plain, kinds, fields, steps, told, name != plain, form)
                if plain not in order:
                    order.insert(place, plain)
                    place += 1
    return {name: found[name] for name in order}
