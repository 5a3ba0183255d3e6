"""The code of one prototype: from its bytes to instructions with lines, operands, meanings and jump targets.

What a reader sees of a large file is a screenful, so an instruction is made when it is asked for; what is asked of all
of them at once (lines, jumps, opcodes) is found in the bytes without making any.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

from ..errors import BytecodeError
from ..model import Instruction
from .comments import Scope
from .dialect import Dialect
from .layout import RawFunction
from .opcodes import Opcode, Operands

BARE_NUMBER = "(data)"
"""The opcode shown for a word of 5.1's code that is a number, not an instruction."""

_MARK = b"\x80"  # in the line info of 5.4 and 5.5: the line of this instruction is in the marks


class Code(Sequence[Instruction]):
    """Equal to any sequence of the same instructions. Opcodes have been checked when there is one; nothing it does
    later raises BytecodeError."""

    __slots__ = ("_bare", "_dialect", "_line_info", "_lines", "_lowest", "_scope", "_words")

    def __init__(self, raw: RawFunction, scope: Scope, dialect: Dialect) -> None:
        """Raises BytecodeError for an opcode that this Lua does not have."""
        self._dialect = dialect
        self._scope = scope
        self._words = scope.words
        self._line_info = (raw.line, raw.line_info, raw.line_marks)
        self._lines: array[int] | None = None
        self._lowest = raw.code[::4]  # of each word the byte that the opcode is in, in every family
        self._bare = self._find_bare() if dialect.data_in_code else frozenset()
        if self._lowest.translate(None, dialect.known):
            self._refuse_unknown()

    # Of all instructions at once

    @property
    def lines(self) -> array[int]:
        """The line of each instruction; 0 where the dump does not tell."""
        if self._lines is None:
            self._lines = self._find_lines()
        return self._lines

    @property
    def opcodes(self) -> set[str]:
        """The names of those that are in it."""
        if self._bare:
            return {each.opcode for each in self}
        return {self._dialect.opcodes[kind].name for kind in self._kinds()}

    def jumps(self) -> Iterator[tuple[int, int]]:
        """(pc, target) of each instruction that may jump to another one."""
        marks = self._lowest.translate(self._dialect.jumping)
        at = marks.find(1)
        while at >= 0:
            target = self[at].target
            if target is not None:
                yield at + 1, target
            at = marks.find(1, at + 1)

    def operations(self) -> Iterator[tuple[int, Opcode | None, Operands]]:
        """(pc, opcode, operands) of each, None for a bare number: for who follows what they do, in half the time."""
        scope, bare, opcodes, mask = self._scope, self._bare, self._dialect.opcodes, self._dialect.form.opcode_mask
        for pc, word in enumerate(self._words, 1):
            if pc in bare:
                yield pc, None, ()
            else:
                opcode = opcodes[word & mask]
                yield pc, opcode, opcode.decode(word, scope)

    # Sequence

    def __len__(self) -> int:
        return len(self._words)

    @overload
    def __getitem__(self, at: int) -> Instruction: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Instruction, ...]: ...
    def __getitem__(self, at: int | slice) -> Instruction | tuple[Instruction, ...]:
        if isinstance(at, slice):
            rows = range(len(self))[at]
            return tuple(self._decoded(zip((row + 1 for row in rows), self._words[at], self.lines[at], strict=True)))
        row = range(len(self))[at]
        return next(self._decoded(((row + 1, self._words[row], self.lines[row]),)))

    def __iter__(self) -> Iterator[Instruction]:
        return self._decoded(zip(range(1, len(self) + 1), self._words, self.lines, strict=True))

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Sequence):
            return self is other
        return len(self) == len(other) and all(one == its for one, its in zip(self, other, strict=True))

    def _decoded(self, cells: Iterable[tuple[int, int, int]]) -> Iterator[Instruction]:
        """Of (pc, word, line), one after the other."""
        scope, bare, count = self._scope, self._bare, len(self._words)
        decoders, mask = self._dialect.decoders, self._dialect.form.opcode_mask
        for pc, word, line in cells:
            if pc in bare:
                yield Instruction(pc, line, BARE_NUMBER, (word,))
                continue
            opcode, decode, comment, jump = decoders[word & mask]
            operands = decode(word, scope)
            target = jump(operands, pc) if jump is not None else None
            yield Instruction(
                pc,
                line,
                opcode,
                operands,
                comment(scope, operands, pc) if comment is not None else "",
                target if target is not None and 0 < target <= count else None,
            )

    def _refuse_unknown(self) -> None:
        """A bare number may look like an opcode that this Lua does not have."""
        for pc, byte in enumerate(self._lowest, 1):
            if byte not in self._dialect.known and pc not in self._bare:
                opcode, lua = byte & self._dialect.form.opcode_mask, self._dialect.layout.lua.full_name
                raise BytecodeError(
                    f"damaged Lua chunk: instruction {pc:,} (line {self.lines[pc - 1]}) has opcode {opcode}, "
                    f"which {lua} does not know"
                )

    def _kinds(self) -> set[int]:
        """The numbers of the opcodes that are in it, and those that bare numbers look like."""
        found: set[int] = set()
        left = self._lowest
        while left:  # a set of all bytes would be made one by one
            found.add(left[0] & self._dialect.form.opcode_mask)
            left = left.translate(None, left[:1])
        return found

    def _find_bare(self) -> frozenset[int]:
        """5.1: the pcs of words that are numbers: those behind a SETLIST whose C is 0."""
        setlist = self._dialect.number("SETLIST")
        if setlist not in self._kinds():
            return frozenset()
        decode, mask = self._dialect.opcodes[setlist].decode, self._dialect.form.opcode_mask
        found: set[int] = set()
        for pc, word in enumerate(self._words, 1):
            if word & mask == setlist and pc not in found and decode(word, self._scope)[2] == 0:
                found.add(pc + 1)
        return frozenset(found)

    def _find_lines(self) -> array[int]:
        first, info, marks = self._line_info
        count = len(self._words)
        lines = _numbers("i", info) if self._dialect.layout.line_bytes == 4 else _summed(first, info, dict(marks))
        if len(lines) == count:
            return lines
        return array("q", lines[:count]) + array("q", bytes(8 * max(0, count - len(lines))))


def words_of(raw: RawFunction) -> array[int]:
    """The instructions of a function as unsigned numbers of 32 bits."""
    return _numbers("I", raw.code)


def _numbers(kind: str, data: bytes) -> array[int]:
    numbers = array(kind, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _summed(line: int, info: bytes, marks: dict[int, int]) -> array[int]:
    """5.4 and 5.5: each byte is a step from the line before, signed, or says that a mark has the line."""
    lines = array("q")
    steps = memoryview(info).cast("b")
    at = 0
    while True:
        mark = info.find(_MARK, at)
        line, *following = accumulate(steps[at : mark if mark >= 0 else len(info)], initial=line)
        lines.extend(following)
        line = following[-1] if following else line
        if mark < 0:
            return lines
        line = marks.get(mark, line)
        lines.append(line)
        at = mark + 1


# What a listing asks of all instructions, also of those that are there already


def lines_in(code: Sequence[Instruction]) -> array[int]:
    """The source line of each instruction."""
    return code.lines if isinstance(code, Code) else array("q", [each.line for each in code])


def opcodes_in(code: Sequence[Instruction]) -> set[str]:
    """The names of the opcodes that occur."""
    return code.opcodes if isinstance(code, Code) else {each.opcode for each in code}


def jumps_in(code: Sequence[Instruction]) -> Iterable[tuple[int, int]]:
    """(pc, target) of those that jump."""
    if isinstance(code, Code):
        return code.jumps()
    return ((each.pc, each.target) for each in code if each.target is not None)
