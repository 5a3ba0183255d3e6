"""LuaJIT 2.0 and 2.1: the structure of a dump, as far as it can be read without decoding instructions.

A LuaJIT dump is a row of prototypes, children first; a prototype takes its children from a stack. Read are
parameters, lines, sizes, constants, upvalues, locals and the line of each instruction. Instructions are shown as
their opcode number and the 32-bit word. Facts: lj_bcdump.h, lj_bcread.c and lj_debug.c of both releases; sizes of
GCproto and GCRef (64 and 4 bytes, with GC64 104 and 8) measured with the C compiler on x86-64.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack, unpack

from ..errors import BytecodeError
from ..model import Instruction, Local, LuaVersion, Prototype, PrototypeTree, Upvalue
from .layout import MAX_NESTING, Constant, check_version
from .reader import Cursor
from .text import Texts

FORMATS = {LuaVersion.LUAJIT20: 1, LuaVersion.LUAJIT21: 2}
NOTICE = (
    "LuaJIT: the structure was read (functions, lines, constants, upvalues, locals); instructions are not decoded "
    "(each is shown as its opcode number and its 32-bit word), and functions are not named."
)
_STRIPPED = " Debug information was stripped: every line is unknown and shown as 0."
_BIG_ENDIAN, _STRIP, _TWO_SLOT_FRAMES = 0x01, 0x02, 0x08
_KNOWN_FLAGS = {1: 0x07, 2: 0x0F}
_VARARG = 0x02
_LOCAL, _IMMUTABLE = 0x8000, 0x4000
_CHILD, _TABLE, _INT64, _UINT64, _COMPLEX, _STRING = range(6)
_HIDDEN_LOCALS = ("(for index)", "(for limit)", "(for step)", "(for generator)", "(for state)", "(for control)")
_TEXT_PER_BYTE, _TEXT_AT_LEAST = 16, 64 * 1024 * 1024


class _Cursor(Cursor):
    def integer(self) -> int:
        return self.uleb(32)

    def uleb(self, bits: int) -> int:
        """A number in groups of seven bits, lowest first; all but the last have the high bit set."""
        value = shift = 0
        while True:
            group = self.byte()
            value |= (group & 0x7F) << shift
            if value >> bits:
                raise self.fail("an integer is too large")
            if group < 0x80:
                return value
            shift += 7
            if shift > bits:
                raise self.fail("an integer is too long")


def read(data: bytes, lua: LuaVersion, key: str) -> PrototypeTree:
    reader = _Reader(data, lua)
    root = reader.all()
    return PrototypeTree(lua=lua, key=key, root=root, notice=NOTICE + (_STRIPPED if reader.stripped else ""))


def count(data: bytes, lua: LuaVersion) -> int:
    """The number of prototypes: each says how long it is."""
    cursor = _Reader(data, lua).cursor
    prototypes = 0
    while size := cursor.integer():
        cursor.block(size)
        prototypes += 1
    return prototypes


class _Reader:
    """One dump; the constructor reads the header."""

    def __init__(self, data: bytes, lua: LuaVersion) -> None:
        check_version(data, lua)
        self.cursor = _Cursor(data)
        self.cursor.block(3)
        version = self.cursor.byte()
        if version != FORMATS[lua]:
            other = {1: "2.0", 2: "2.1"}.get(version, f"of an unknown release (dump format {version})")
            raise BytecodeError(f"this chunk was made by LuaJIT {other}, not by {lua}: choose that version to read it")
        flags = self.cursor.integer()
        if flags & ~_KNOWN_FLAGS[version]:
            raise self.cursor.fail(f"flags {flags:#x} in the header are not known to {lua}")
        self.stripped = bool(flags & _STRIP)
        self._order = ">" if flags & _BIG_ENDIAN else "<"
        self._wide = bool(flags & _TWO_SLOT_FRAMES)
        self._source: bytes | None = None if self.stripped else self.cursor.block(self.cursor.integer())
        self._texts = Texts(_TEXT_AT_LEAST + _TEXT_PER_BYTE * len(data), "%.14g", integers=False)
        self._stack: list[tuple[Prototype, int]] = []  # finished prototypes and how deep each nests

    def all(self) -> Prototype:
        cursor = self.cursor
        while size := cursor.integer():
            end = cursor.at + size
            if end > cursor.end:
                raise cursor.truncated(size)
            self._stack.append(self._prototype())
            if cursor.at != end:
                raise cursor.fail("a function is longer or shorter than announced")
        if len(self._stack) != 1:
            raise cursor.fail(f"{len(self._stack):,} functions belong to no other, it should be the main function only")
        return self._stack[0][0]

    def _prototype(self) -> tuple[Prototype, int]:
        cursor = self.cursor
        flags, parameters, frame, upvalues = cursor.byte(), cursor.byte(), cursor.byte(), cursor.byte()
        objects, numbers, code_size = cursor.integer(), cursor.integer(), cursor.integer()
        debug_size = 0 if self.stripped else cursor.integer()
        line, lines = (cursor.integer(), cursor.integer()) if debug_size else (0, 0)
        words = unpack(f"{self._order}{code_size}I", cursor.block(code_size * 4))
        where = unpack(f"{self._order}{upvalues}H", cursor.block(upvalues * 2))
        children: list[Prototype] = []
        depth = 1
        constants: list[tuple[str, str]] = []
        for _ in range(self._checked(objects)):
            kind = cursor.integer()
            if kind == _CHILD:
                child, below = self._pop()
                children.append(child)
                depth = max(depth, below + 1)
                constants.append((f"function <{child.line},{child.last_line}>", "function"))
            else:
                constants.append(self._object(kind))
        constants += [self._texts.constant(self._number()) for _ in range(self._checked(numbers))]
        debug = _Debug(cursor.block(debug_size), line, lines, code_size, upvalues, self._order, self._texts)
        code = [
            Instruction(pc=pc, line=at, opcode=f"#{word & 0xFF}", operands=(word,))
            for pc, (word, at) in enumerate(zip(words, debug.lines, strict=True), 1)
        ]
        prototype = Prototype(
            source=self._texts.source(self._source),
            line=line,
            last_line=line + lines,
            parameters=parameters,
            vararg=bool(flags & _VARARG),
            stack_size=frame,
            size=self._bytes(code_size, objects, numbers, upvalues, debug_size),
            code=tuple(code),
            constants=tuple(text for text, _ in constants),
            constant_types=tuple(kind for _, kind in constants),
            upvalues=tuple(
                Upvalue(name, bool(at & _LOCAL), at & 0x3FFF, int(bool(at & _IMMUTABLE)))
                for name, at in zip(debug.upvalue_names, where, strict=True)
            ),
            locals=tuple(debug.locals()),
            children=tuple(reversed(children)),  # the last one written is the first taken from the stack
        )
        return prototype, depth

    def _pop(self) -> tuple[Prototype, int]:
        if not self._stack:
            raise self.cursor.fail("a function is used that was not defined before")
        child, depth = self._stack.pop()
        if depth >= MAX_NESTING:
            raise self.cursor.fail(f"functions are nested more than {MAX_NESTING} deep")
        return child, depth

    def _checked(self, items: int) -> int:
        if items > self.cursor.end - self.cursor.at:
            raise self.cursor.truncated(items)
        return items

    def _object(self, kind: int) -> tuple[str, str]:
        cursor = self.cursor
        if kind >= _STRING:
            return self._texts.constant(cursor.block(kind - _STRING))
        if kind == _TABLE:
            array, pairs = cursor.integer(), cursor.integer()
            for _ in range(self._checked(array + 2 * pairs)):
                self._table_item()
            return f"table with {max(array - 1, 0)} items and {pairs} fields", "table"
        if kind == _COMPLEX:
            return f"{self._double():.14g}+{self._double():.14g}i", "complex"
        value = cursor.integer() | cursor.integer() << 32
        if kind == _INT64:
            return f"{value - (value >> 63 << 64)}LL", "int64"
        return f"{value}ULL", "uint64"

    def _table_item(self) -> None:
        kind = self.cursor.integer()
        if kind >= 5:  # a string of kind - 5 bytes; 3 and 4 are integer and double; below are nil, false, true
            self.cursor.block(kind - 5)
        elif kind == 3:
            self.cursor.integer()
        elif kind == 4:
            self._double()

    def _double(self) -> float:
        low, high = self.cursor.integer(), self.cursor.integer()
        value: float = unpack("<d", pack("<II", low, high))[0]
        return value

    def _number(self) -> Constant:
        value = self.cursor.uleb(33)
        low = value >> 1
        if value & 1:
            number: float = unpack("<d", pack("<II", low, self.cursor.integer()))[0]
            return number
        return float(low - (low >> 31 << 32))

    def _bytes(self, code: int, objects: int, numbers: int, upvalues: int, debug: int) -> int:
        """As lj_bcread.c sums it up: one allocation holds all; the code gets a header instruction."""
        header, reference = (104, 8) if self._wide else (64, 4)
        front = header + (code + 1) * 4 + objects * reference
        return (front + 7 & ~7) + numbers * 8 + (upvalues + 1 & ~1) * 2 + debug


class _Debug:
    """The debug block of one prototype: lines, upvalue names, locals. Empty when stripped."""

    def __init__(
        self, block: bytes, first: int, count: int, code: int, upvalues: int, order: str, texts: Texts
    ) -> None:
        self._cursor = _Cursor(block)
        self._texts = texts
        letter, size = ("B", 1) if count < 256 else ("H", 2) if count < 65536 else ("I", 4)
        self.lines = [0] * code
        self.upvalue_names = [""] * upvalues
        if block:
            steps = unpack(f"{order}{code}{letter}", self._cursor.block(code * size))
            self.lines = [first + step for step in steps]
            self.upvalue_names = [texts.name(self._name()) for _ in range(upvalues)]

    def _name(self) -> bytes:
        cursor = self._cursor
        end = cursor.data.find(b"\0", cursor.at)
        if end < 0:
            raise cursor.fail("a name in the debug information has no end")
        return cursor.block(end - cursor.at + 1)[:-1]

    def locals(self) -> Iterator[Local]:
        cursor = self._cursor
        start = 0
        while cursor.at < cursor.end and (first := cursor.data[cursor.at]):
            if first <= len(_HIDDEN_LOCALS):
                cursor.byte()
                name = _HIDDEN_LOCALS[first - 1]
            else:
                name = self._texts.name(self._name())
            start += cursor.integer()
            yield Local(name, start, start + cursor.integer())
