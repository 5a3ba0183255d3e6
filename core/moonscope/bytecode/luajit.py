"""Dumps of LuaJIT 2.0 and 2.1, read into the same `RawFunction` as those of the other Luas.

A LuaJIT dump is a row of functions, children first; a function takes its children from a stack. All that
`jit.util` knows of a prototype is in a dump: the code but for its header instruction, which flags and parameters
imply, both lists of constants, upvalues, and, unless stripped, lines, upvalue names, and locals with their ranges.
So dumps are read here, and no VM is asked when something is inspected: nothing need be compiled or kept for it,
dumps from elsewhere can be read, and foreign bytes never reach a VM. `jit.util` of both runtimes is asked by the
tests, which hold the opcodes, constants, lines and names found here against what it says.

Facts: lj_bcdump.h, lj_bcread.c, lj_bcwrite.c and lj_debug.c of both releases; sizes of GCproto and GCRef (64 and 4
bytes, with GC64 104 and 8) measured with the C compiler on x86-64.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack, unpack

from ..errors import BytecodeError
from ..model import LuaVersion
from .layout import MAX_NESTING, Boxed, Constant, RawFunction, Template
from .reader import INT_MAX, LebCursor
from .reporter import SILENT, STRIDE, Reporter

FORMATS = {LuaVersion.LUAJIT20: 1, LuaVersion.LUAJIT21: 2}
"""The version byte of a dump."""
HIDDEN_LOCALS = (
    b"(for index)",
    b"(for limit)",
    b"(for step)",
    b"(for generator)",
    b"(for state)",
    b"(for control)",
)
"""Names that are written as one byte, 1 – 6."""
LOCAL, IMMUTABLE = 0x8000, 0x4000  # of an upvalue: it is a register of the enclosing function; it is never assigned to
BIG_ENDIAN, STRIPPED, TWO_SLOT_FRAMES = 0x01, 0x02, 0x08
CHILD, TABLE, INT64, UINT64, COMPLEX, STRING = range(6)  # constants; more than STRING is a string and its length
_KNOWN_FLAGS = {1: 0x07, 2: 0x0F}
_BOXED = {INT64: ("int64", 2), UINT64: ("uint64", 2), COMPLEX: ("complex", 4)}


def read_chunk(data: bytes, lua: LuaVersion, reporter: Reporter = SILENT) -> tuple[RawFunction, int]:
    """The main function with all below it, and the number of bytes that follow it. Raises BytecodeError."""
    reader = _Reader(data, lua, reporter)
    return reader.main(), reader.cursor.end - reader.cursor.at


def count(data: bytes, lua: LuaVersion) -> int:
    """The number of functions: each says how long it is."""
    cursor = _Reader(data, lua, SILENT).cursor
    functions = 0
    while size := cursor.integer():
        cursor.block(size)
        functions += 1
    return functions


class _Reader:
    """One dump; the constructor reads the header."""

    def __init__(self, data: bytes, lua: LuaVersion, reporter: Reporter) -> None:
        self.cursor = LebCursor(data, reporter)
        self.cursor.block(3)
        version = self.cursor.byte()
        if version != FORMATS[lua]:
            other = {1: "2.0", 2: "2.1"}.get(version, f"of an unknown release (dump format {version})")
            raise BytecodeError(
                f"this chunk was made by LuaJIT {other}, not by {lua.full_name}: choose that version to read it"
            )
        flags = self.cursor.integer()
        if flags & ~_KNOWN_FLAGS[version]:
            raise self.cursor.fail(f"flags {flags:#x} in the header are not known to {lua.full_name}")
        self._order = ">" if flags & BIG_ENDIAN else "<"
        self._wide = bool(flags & TWO_SLOT_FRAMES)
        self._stripped = bool(flags & STRIPPED)
        self._source = None if self._stripped else self.cursor.block(self.cursor.integer())
        self._finished: list[tuple[RawFunction, int]] = []  # that no function took yet, and how deep each nests

    def main(self) -> RawFunction:
        cursor = self.cursor
        while size := cursor.integer():
            cursor.tell()
            end = cursor.at + size
            if end > cursor.end:
                raise cursor.truncated(size)
            self._finished.append(self._function())
            if cursor.at != end:
                raise cursor.fail("a function is longer or shorter than announced")
        if len(self._finished) != 1:
            count = len(self._finished)
            raise cursor.fail(f"{count:,} functions belong to no other, it should be the main function only")
        return self._finished[0][0]

    def _function(self) -> tuple[RawFunction, int]:
        cursor, function = self.cursor, RawFunction(source=self._source)
        function.vararg, function.parameters = cursor.byte(), cursor.byte()
        function.stack_size, function.upvalue_count = cursor.byte(), cursor.byte()
        objects, numbers, words = cursor.integer(), cursor.integer(), cursor.integer()
        debug = 0 if self._stripped else cursor.integer()
        lines = 0
        if debug:
            function.line, lines = cursor.integer(), cursor.integer()
            function.last_line = function.line + lines
        function.code = pack(f"<{words}I", *unpack(f"{self._order}{words}I", cursor.block(words * 4)))
        where = unpack(f"{self._order}{function.upvalue_count}H", cursor.block(function.upvalue_count * 2))
        function.upvalues = tuple([(int(bool(at & LOCAL)), at & 0x3FFF, int(bool(at & IMMUTABLE))) for at in where])
        depth = self._constants(function, objects, numbers)
        if debug:
            self._debug(function, LebCursor(cursor.block(debug)), lines)
        function.size = self._bytes(words, objects, numbers, function.upvalue_count, debug)
        return function, depth

    def _constants(self, function: RawFunction, objects: int, numbers: int) -> int:
        """Objects from the last to the first, then numbers. Returns how deep the function nests."""
        depth = 1
        constants: list[Constant] = []
        children: list[RawFunction] = []
        for number in range(self._checked(objects)):
            if number % STRIDE == STRIDE - 1:
                self.cursor.tell()
            kind = self.cursor.integer()
            if kind == CHILD:
                child, below = self._take()
                constants.append(child)
                children.append(child)
                depth = max(depth, below + 1)
            else:
                constants.append(self._object(kind))
        constants.reverse()
        constants += [self._number() for _ in range(self._checked(numbers))]
        function.constants, function.children = tuple(constants), tuple(reversed(children))
        return depth

    def _take(self) -> tuple[RawFunction, int]:
        if not self._finished:
            raise self.cursor.fail("a function is used that was not defined before")
        child, depth = self._finished.pop()
        if depth >= MAX_NESTING:
            raise self.cursor.fail(f"functions are nested more than {MAX_NESTING} deep")
        return child, depth

    def _checked(self, items: int) -> int:
        if items > self.cursor.end - self.cursor.at:
            raise self.cursor.truncated(items)
        return items

    def _object(self, kind: int) -> Constant:
        cursor = self.cursor
        if kind >= STRING:
            return cursor.block(kind - STRING)
        if kind == TABLE:
            slots, pairs = cursor.integer(), cursor.integer()
            self._checked(slots + 2 * pairs)
            array = tuple([self._item(number) for number in range(slots)])
            return Template(array, tuple([(self._item(number), self._item()) for number in range(pairs)]))
        name, words = _BOXED[kind]
        return Boxed(name, tuple([cursor.integer() for _ in range(words)]))

    def _item(self, number: int = 0) -> Constant:
        """A key or value of a table: nil, false, true, an integer, a number, or 5 and the length of a string."""
        if number % STRIDE == STRIDE - 1:
            self.cursor.tell()
        kind = self.cursor.integer()
        if kind >= 5:
            return self.cursor.block(kind - 5)
        if kind == 3:
            value = self.cursor.integer()
            return float(value - (value >> 31 << 32))
        return self.cursor.double() if kind == 4 else (None, False, True)[kind]

    def _number(self) -> float:
        """An integer with a low bit of 0, or the low word of a double with a low bit of 1, then its high word."""
        value = self.cursor.leb(33)
        low = value >> 1
        if value & 1:
            number: float = unpack("<d", pack("<II", low, self.cursor.integer()))[0]
            return number
        return float(low - (low >> 31 << 32))

    def _debug(self, function: RawFunction, cursor: LebCursor, lines: int) -> None:
        """A cursor over lines, names of upvalues, locals. Lines count from that of the function."""
        count = len(function.code) // 4
        letter, size = ("B", 1) if lines < 256 else ("H", 2) if lines < 65536 else ("I", 4)
        steps = unpack(f"{self._order}{count}{letter}", cursor.block(count * size))
        if function.line + max(lines, *steps, 0) > INT_MAX:
            raise self.cursor.fail("a line is too large")
        function.line_info = pack(f"<{count}i", *[function.line + step for step in steps])
        function.upvalue_names = tuple([cursor.name() for _ in range(function.upvalue_count)])
        function.locals = tuple(_locals(cursor))

    def _bytes(self, words: int, objects: int, numbers: int, upvalues: int, debug: int) -> int:
        """As lj_bcread.c sums it up: one allocation holds all; the code gets a header instruction."""
        header, reference = (104, 8) if self._wide else (64, 4)
        front = header + (words + 1) * 4 + objects * reference
        return (front + 7 & ~7) + numbers * 8 + (upvalues + 1 & ~1) * 2 + debug


def _locals(cursor: LebCursor) -> Iterator[tuple[bytes, int, int]]:
    """LuaJIT counts the header instruction, in which parameters begin; here they begin at the first of the code."""
    start = 0
    while cursor.at < cursor.end and (first := cursor.data[cursor.at]):
        if first <= len(HIDDEN_LOCALS):
            cursor.byte()
            name = HIDDEN_LOCALS[first - 1]
        else:
            name = cursor.name()
        start += cursor.integer()
        yield name, max(start - 1, 0), max(start + cursor.integer() - 1, 0)
