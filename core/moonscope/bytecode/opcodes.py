"""What an instruction says, as data: its operands by name, its meaning in luac's words, where it may jump.

A table row is `Opcode(name, operands, …)`. `operands` names fields of the family (`OLD`: 5.1 – 5.3, `NEW`: 5.4 and
5.5) in the order the reference listing prints them; a last field glued on as in `"A B Ck"` is the flag that the
listing prints as the letter k. Meanings are built from the small vocabulary below and get the operands by position.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from .layout import Constant, RawFunction

Operands: TypeAlias = tuple[int, ...]


class Apart:
    """LuaJIT: operands count objects and numbers apart, and functions are constants."""

    __slots__ = ("functions", "objects", "values")

    def __init__(self, values: Sequence[Constant]) -> None:
        self.values = values
        self.objects = sum(not isinstance(value, float) for value in values)
        functions = (at for at, value in enumerate(values) if isinstance(value, RawFunction))
        self.functions = {at: number for number, at in enumerate(functions)}


NOTHING_APART = Apart(())


class Scope(Struct, frozen=True, gc=False):
    """What the instructions of one function refer to. An index that leads nowhere is shown as such."""

    words: array[int]
    constants: tuple[str, ...]
    upvalues: tuple[str, ...]
    children: tuple[str, ...]
    apart: Apart = NOTHING_APART

    def constant(self, index: int) -> str:
        return self.constants[index] if 0 <= index < len(self.constants) else f"(no constant {index})"

    def upvalue(self, index: int) -> str:
        return self.upvalues[index] if 0 <= index < len(self.upvalues) else f"(no upvalue {index})"

    def child(self, index: int) -> str:
        return self.children[index] if 0 <= index < len(self.children) else f"(no function {index})"

    def word(self, pc: int) -> int:
        """The instruction word at `pc`, from 1; 0 behind the end."""
        return self.words[pc - 1] if pc <= len(self.words) else 0


Meaning: TypeAlias = Callable[[Scope, Operands, int], str]
Jump: TypeAlias = Callable[[Operands, int], int | None]
Place: TypeAlias = Callable[[Scope, Operands], Operands]
"""Makes an operand the place of what it names in `Prototype.constants` or `Prototype.children`."""


class Decoder(NamedTuple):
    """An opcode made ready for the loop over a function's code."""

    name: str
    operands: Callable[[int], Operands]
    meaning: Meaning | None
    jump: Jump | None
    to: str
    place: Place | None


@dataclass(frozen=True)
class Opcode:
    name: str
    operands: str
    meaning: Meaning | None = None
    jump: Jump | None = None
    to: str = ""  # the words before the target, "" when the listing does not tell it
    silent: bool = False  # the reference listing leaves the meaning out
    place: Place | None = None
    modes: tuple[str, ...] = ()  # LuaJIT: what each operand is, in LuaJIT's own words

    @property
    def flagged(self) -> bool:
        """The last operand is printed as a letter k, or not at all."""
        return self.operands.endswith("k") and not self.operands.endswith(" k")


@dataclass(frozen=True)
class Family:
    """An instruction format: where the opcode and the fields are in a 32-bit `word`, as expressions of Python."""

    opcode_mask: int
    fields: Mapping[str, str]

    def decoder(self, opcode: Opcode) -> Decoder:
        names = (opcode.operands[:-1] + " k" if opcode.flagged else opcode.operands).split()
        together = "".join(f"({self.fields[name]})," for name in names)
        # One function for all fields: a call for each would take most of the time of reading.
        operands: Callable[[int], Operands] = eval(f"lambda word: ({together})")
        return Decoder(opcode.name, operands, opcode.meaning, opcode.jump, opcode.to, opcode.place)


def _rk(value: str) -> str:
    """B and C of the old family as luac prints them: registers as they are, constants as -1, -2, …"""
    return f"value if (value := {value}) < 256 else 255 - value"


OLD = Family(
    0x3F,
    {
        "A": "word >> 6 & 0xFF",
        "B": _rk("word >> 23"),
        "C": _rk("word >> 14 & 0x1FF"),
        "Bx": "word >> 14",
        "K": "-1 - (word >> 14)",  # Bx as a constant
        "sBx": "(word >> 14) - 0x1FFFF",
        "KAx": "-1 - (word >> 6)",  # Ax as a constant
    },
)
NEW = Family(
    0x7F,
    {
        "A": "word >> 7 & 0xFF",
        "k": "word >> 15 & 1",
        "B": "word >> 16 & 0xFF",
        "sB": "(word >> 16 & 0xFF) - 127",
        "vB": "word >> 16 & 0x3F",
        "C": "word >> 24",
        "sC": "(word >> 24) - 127",
        "vC": "word >> 22",
        "Bx": "word >> 15",
        "sBx": "(word >> 15) - 0xFFFF",
        "Ax": "word >> 7",
        "sJ": "(word >> 7) - 0xFF_FFFF",
    },
)
JIT = Family(
    0xFF,
    {
        "A": "word >> 8 & 0xFF",
        "B": "word >> 24",
        "C": "word >> 16 & 0xFF",
        "D": "word >> 16",
        "sD": "(word >> 16 ^ 0x8000) - 0x8000",
        "J": "(word >> 16) - 0x8000",
    },
)


# The vocabulary. Numbers are positions among the operands.


def constant(at: int) -> Meaning:
    return lambda scope, operands, pc: scope.constant(operands[at])


def old_constant(at: int) -> Meaning:
    """A constant of the old family, printed as a negative number."""
    return lambda scope, operands, pc: scope.constant(-1 - operands[at])


def maybe_constant(at: int) -> Meaning:
    """Old family: a constant or, for a register, nothing."""
    return lambda scope, operands, pc: scope.constant(-1 - operands[at]) if operands[at] < 0 else ""


def constant_if_flag(at: int) -> Meaning:
    """New family: a constant when the last operand says so, else nothing."""
    return lambda scope, operands, pc: scope.constant(operands[at]) if operands[-1] else ""


def pair(first: int, second: int) -> Meaning:
    """Old family: two operands of which one at least is a constant; a dash stands for a register."""

    def meaning(scope: Scope, operands: Operands, pc: int) -> str:
        left, right = operands[first], operands[second]
        if left >= 0 and right >= 0:
            return ""
        return f"{scope.constant(-1 - left) if left < 0 else '-'} {scope.constant(-1 - right) if right < 0 else '-'}"

    return meaning


def global_name(at: int) -> Meaning:
    """5.1 prints the name of a global without quotes."""
    return lambda scope, operands, pc: scope.constant(-1 - operands[at]).strip('"')


def upvalue(at: int) -> Meaning:
    return lambda scope, operands, pc: scope.upvalue(operands[at])


def child(at: int) -> Meaning:
    return lambda scope, operands, pc: scope.child(operands[at])


def join(*parts: Meaning) -> Meaning:
    """Several meanings with a space between; empty ones leave no space."""

    def meaning(scope: Scope, operands: Operands, pc: int) -> str:
        return " ".join([text for part in parts if (text := part(scope, operands, pc))])

    return meaning


def word_if_flag(word: str) -> Meaning:
    return lambda scope, operands, pc: word if operands[-1] else ""


def results(at: int, what: str) -> Meaning:
    """A number of values plus one, 0 for as many as there are: arguments ("in") or results ("out")."""
    return lambda scope, operands, pc: f"{operands[at] - 1} {what}" if operands[at] else f"all {what}"


def forward(at: int, more: int = 1) -> Jump:
    return lambda operands, pc: pc + operands[at] + more


def back(at: int) -> Jump:
    return lambda operands, pc: pc - operands[at] + 1


def skip_if(at: int) -> Jump:
    """Over the next instruction when the operand is not 0."""
    return lambda operands, pc: pc + 2 if operands[at] else None


def skip(operands: Operands, pc: int) -> int:
    """Always over the next instruction."""
    return pc + 2
