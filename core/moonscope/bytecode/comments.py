"""What luac prints behind the semicolon of an instruction.

A comment of a table of opcodes is a list of parts, which are printed with a space between: a field (what that operand
names), `B in` and `C out` (a count of values plus one; 0 is printed as "all"), `B+1 out` (as it is computed), `to` (the
target of the jump), or a word of `_SPECIAL`. Without a comment, all operands that name something are parts.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from .formats import Format
from .layout import Constant


class Scope(Struct, frozen=True, gc=False):
    """What the instructions of one function refer to. An index that leads nowhere is shown as such."""

    words: array[int]
    constants: tuple[str, ...]
    upvalues: tuple[str, ...]
    children: tuple[str, ...]
    values: Sequence[Constant] = ()  # LuaJIT: the constants themselves,
    objects: int = 0  # how many of them are no numbers, which stand first,
    functions: Mapping[int, int] = {}  # and of those that are functions, place → number

    def constant(self, index: int) -> str:
        """The text of the constant with this index, or of the fact that there is none."""
        return self.constants[index] if 0 <= index < len(self.constants) else f"(no constant {index})"

    def upvalue(self, index: int) -> str:
        """The name of the upvalue with this index, or a text that says there is none."""
        return self.upvalues[index] if 0 <= index < len(self.upvalues) else f"(no upvalue {index})"

    def child(self, index: int) -> str:
        """The name of the nested function with this index, or a text that says there is none."""
        return self.children[index] if 0 <= index < len(self.children) else f"(no function {index})"

    def word(self, pc: int) -> int:
        """The instruction word at `pc`, from 1; 0 behind the end."""
        return self.words[pc - 1] if pc <= len(self.words) else 0

    def extra(self, pc: int) -> int:
        """5.4 and 5.5: the operand of the EXTRAARG that follows the instruction at `pc`."""
        return self.word(pc + 1) >> 7


Comment: TypeAlias = Callable[[Scope, "tuple[int, ...]", int], str]
"""From the operands of an instruction and its pc."""

_METAMETHODS = """
    __index __newindex __gc __mode __len __eq __add __sub __mul __mod __pow __div __idiv __band __bor __bxor
    __shl __shr __unm __bnot __lt __le __concat __call __close
"""
"""In the order in which MMBIN and its variants number them."""


def comment_of(
    told: str,
    kinds: str,
    fields: Sequence[str],
    form: Format,
    jump: Callable[[tuple[int, ...], int], int | None] | None,
    function: Callable[[str], Any],
) -> Comment | None:
    """The comment that a table tells of an opcode with these operands; `function` makes one of the operands from an
    expression. None: there is nothing to tell."""

    def part(text: str) -> Comment | None:
        if text in fields:
            at = fields.index(text)
            return _name(kinds[at], at, form.negates_constants)
        if counted := re.fullmatch(r"(\S+) (in|out)", text):
            return _count(counted[1], counted[2], fields, function)
        if text.endswith("to"):
            assert jump is not None
            return lambda scope, operands, pc: f"{text} {jump(operands, pc)}"
        word, *numbers = text.split()
        made: Comment = _SPECIAL[word](*map(int, numbers))
        return made

    parts = [found for text in (told.split(", ") if told else fields) if (found := part(text)) is not None]
    return _joined(parts) if len(parts) > 1 else parts[0] if parts else None


def _joined(parts: Sequence[Comment]) -> Comment:
    """Empty ones leave no space."""

    def comment(scope: Scope, operands: tuple[int, ...], pc: int) -> str:
        return " ".join([text for part in parts if (text := part(scope, operands, pc))])

    return comment


def _count(expression: str, what: str, fields: Sequence[str], function: Callable[[str], Any]) -> Comment:
    if expression == "all":
        return lambda scope, operands, pc: f"all {what}"
    if expression in fields:
        at = fields.index(expression)
        return lambda scope, operands, pc: f"{operands[at] - 1} {what}" if operands[at] else f"all {what}"
    number = function(expression)
    return lambda scope, operands, pc: f"{number(operands)} {what}"


def _name(kind: str, at: int, negated: bool) -> Comment | None:
    """What an operand of a kind names."""
    if kind in "kx" and negated:
        return lambda scope, operands, pc: scope.constant(-1 - operands[at]) if operands[at] < 0 else ""
    names: dict[str, Comment] = {
        "k": lambda scope, operands, pc: scope.constant(operands[at]),
        "x": lambda scope, operands, pc: scope.constant(operands[at]) if operands[-1] else "",
        "u": lambda scope, operands, pc: scope.upvalue(operands[at]),
        "p": lambda scope, operands, pc: scope.child(operands[at]),
        "g": lambda scope, operands, pc: scope.constant(operands[at] - 1) if operands[at] else "?",
        "v": lambda scope, operands, pc: _one_of(_METAMETHODS.split(), operands[at], f"(no metamethod {operands[at]})"),
        "y": lambda scope, operands, pc: _one_of(("nil", "false", "true"), operands[at], "?"),
    }
    return names.get("k" if kind in "mo" else kind)


def _one_of(names: Sequence[str], number: int, otherwise: str) -> str:
    return names[number] if number < len(names) else otherwise


# The special ones


def _pair() -> Comment:
    """5.1 – 5.3: the last two operands if one of them is a constant at least; a dash stands for a register."""

    def comment(scope: Scope, operands: tuple[int, ...], pc: int) -> str:
        left, right = operands[1:]
        if left >= 0 and right >= 0:
            return ""
        return f"{scope.constant(-1 - left) if left < 0 else '-'} {scope.constant(-1 - right) if right < 0 else '-'}"

    return comment


def _block() -> Comment:
    """SETLIST of 5.1 – 5.3: which block of items it is: C, a plain number though printed as a constant, or the whole
    next word as a C int when C is 0."""

    def comment(scope: Scope, operands: tuple[int, ...], pc: int) -> str:
        block = operands[2]
        if block == 0:
            word = scope.word(pc + 1)
            return str(word - (word >> 31 << 32))
        return str(block if block > 0 else 255 - block)

    return comment


def _offset(bits: int) -> Comment:
    """SETLIST from 5.4 on: the index of the first item if it is continued in an EXTRAARG, above `bits` bits of C."""
    size = _size(bits)
    return lambda scope, operands, pc: size(scope, operands, pc) if scope.word(pc) & 0x8000 else ""


def _size(bits: int) -> Comment:
    """NEWTABLE from 5.4 on: the size of the array, whose low `bits` bits are C."""
    return lambda scope, operands, pc: str(operands[2] + (scope.extra(pc) << bits))


def _slots() -> Comment:
    """TNEW of LuaJIT: eleven bits for the slots of the array, above them the logarithm of the slots for fields."""

    def comment(scope: Scope, operands: tuple[int, ...], pc: int) -> str:
        slots, bits = operands[1] & 0x7FF, operands[1] >> 11
        return f"array {slots} hash {1 << bits if bits else 0}"

    return comment


def _index() -> Comment:
    """TSETM of LuaJIT: the constant is 2^52 more than the index, which puts the index in its low bits."""

    def comment(scope: Scope, operands: tuple[int, ...], pc: int) -> str:
        value = scope.values[operands[1]] if operands[1] < len(scope.values) else None
        return f"{value - 2**52:.14g}" if isinstance(value, float) else scope.constant(operands[1])

    return comment


_SPECIAL: Mapping[str, Callable[..., Comment]] = {
    "pair": _pair,
    "unquoted": lambda: lambda scope, operands, pc: scope.constant(-1 - operands[1]).strip('"'),  # a global of 5.1
    "block": _block,
    "size": _size,
    "offset": _offset,
    "extra": lambda: lambda scope, operands, pc: scope.constant(scope.extra(pc)),  # LOADKX
    "flip": lambda: lambda scope, operands, pc: "flip" if operands[-1] else "",
    "slots": _slots,
    "index": _index,
}
