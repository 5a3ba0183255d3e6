"""Cursors over the bytes of a dump: one dialect for each way a Lua writes integers and strings.

A cursor never reads past its end, never allocates for a count that the remaining bytes cannot hold, and
raises only `BytecodeError`. Offsets in messages count from 0, as hex viewers do.
"""

from __future__ import annotations

from struct import pack, unpack, unpack_from

from ..errors import BytecodeError
from .reporter import SILENT, Reporter

INT_MAX = 0x7FFF_FFFF


class Cursor:
    """The part that all dumps share. Subclasses say how an integer and a string are written."""

    def __init__(self, data: bytes, reporter: Reporter = SILENT) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)
        self._reporter = reporter

    def fail(self, what: str) -> BytecodeError:
        """An error to raise that says `what` is wrong, and at which byte."""
        return BytecodeError(f"damaged Lua chunk: {what} (at byte {self.at:,} of {self.end:,})")

    def truncated(self, size: int) -> BytecodeError:
        """An error to raise when `size` more bytes are needed than there are."""
        return self.fail(f"it is cut off, {size:,} more bytes are needed and {self.end - self.at:,} are left")

    def byte(self) -> int:
        """The next byte. Raises BytecodeError at the end."""
        try:
            value = self.data[self.at]
        except IndexError:
            raise self.truncated(1) from None
        self.at += 1
        return value

    def block(self, size: int) -> bytes:
        """The next `size` bytes. Raises BytecodeError when there are fewer."""
        at = self.at
        if size > self.end - at:
            raise self.truncated(size)
        self.at = at + size
        return self.data[at : self.at]

    def number(self) -> float:
        """The next 8 bytes as a little-endian double."""
        value: float = unpack_from("<d", self.block(8))[0]
        return value

    def long(self) -> int:
        """A Lua integer constant, signed 64 bits."""
        value: int = unpack_from("<q", self.block(8))[0]
        return value

    def integer(self) -> int:
        """A C int that is never negative: a line, a pc, a count."""
        raise NotImplementedError

    def string(self) -> bytes | None:
        """The next string; None stands for a missing one, as in stripped dumps."""
        raise NotImplementedError

    def align(self, size: int) -> None:
        """Skip padding; only 5.5 has any."""

    def tell(self) -> None:
        """Report how far it is. Raises CancelledError."""
        self._reporter.reach(self.at)

    def count(self, size: int) -> int:
        """A number of items that follow, each at least `size` bytes long."""
        items = self.integer()
        if items * size > self.end - self.at:
            left = self.end - self.at
            raise self.fail(f"{items:,} items of at least {size} bytes are announced, {left:,} bytes are left")
        return items


class FixedCursor(Cursor):
    """5.1 and 5.2: four-byte ints, eight-byte string sizes that count a final NUL which is written."""

    def integer(self) -> int:
        """A 32-bit count or line. Raises BytecodeError when it is negative."""
        value: int = unpack_from("<I", self.block(4))[0]
        if value > INT_MAX:
            raise self.fail("a negative count or line")
        return value

    def string(self) -> bytes | None:
        """A string, whose size counts the final NUL; size 0 stands for none."""
        size: int = unpack_from("<Q", self.block(8))[0]
        return self.block(size)[:-1] if size else None


class ShortCursor(FixedCursor):
    """5.3: as before, but the string size is one byte, or 0xFF and eight bytes; the NUL is not written."""

    def string(self) -> bytes | None:
        """A string; its length + 1 is written, 0 stands for none."""
        size = self.byte()
        if size == 0xFF:
            size = unpack_from("<Q", self.block(8))[0]
        return self.block(size - 1) if size else None


class VarintCursor(Cursor):
    """5.4: integers in groups of seven bits, highest first; the last group has its high bit set."""

    def varint(self, limit: int) -> int:
        """An integer in groups of 7 bits, whose last one has the highest bit set. At most `limit`."""
        value = 0
        while True:
            group = self.byte()
            value = value << 7 | group & 0x7F
            if value > limit:
                raise self.fail("an integer is too large")
            if group >= 0x80:
                return value

    def integer(self) -> int:
        """A count or line as a varint."""
        at = self.at
        if at < self.end and (group := self.data[at]) >= 0x80:  # as most are
            self.at = at + 1
            return group & 0x7F
        return self.varint(INT_MAX)

    def string(self) -> bytes | None:
        """A string; its length + 1 is written, 0 stands for none."""
        at = self.at
        if at < self.end and (group := self.data[at]) >= 0x80:
            self.at = at + 1
            size = group & 0x7F
        else:
            size = self.varint(self.end)
        return self.block(size - 1) if size else None


class ReuseCursor(Cursor):
    """5.5: groups of seven bits where all but the last have the high bit set; strings are written once and
    then named by their index (from 1); arrays of instructions and line marks are aligned."""

    def __init__(self, data: bytes, reporter: Reporter = SILENT) -> None:
        super().__init__(data, reporter)
        self.strings: list[bytes] = []

    def varint(self, limit: int) -> int:
        """An integer in groups of 7 bits, whose last one has the highest bit clear. At most `limit`."""
        value = 0
        while True:
            group = self.byte()
            value = value << 7 | group & 0x7F
            if value > limit:
                raise self.fail("an integer is too large")
            if group < 0x80:
                return value

    def integer(self) -> int:
        """A count or line as a varint."""
        at = self.at
        if at < self.end and (group := self.data[at]) < 0x80:  # as most are
            self.at = at + 1
            return group
        return self.varint(INT_MAX)

    def long(self) -> int:
        """A signed 64-bit integer, folded into a varint: the lowest bit is the sign."""
        folded = self.varint(0xFFFF_FFFF_FFFF_FFFF)
        return ~(folded >> 1) if folded & 1 else folded >> 1

    def string(self) -> bytes | None:
        """A new string with its size, or a 0 and the number of one that came before; number 0 stands for none."""
        size = self.varint(self.end)
        if size:
            text = self.block(size)[:-1]
            self.strings.append(text)
            return text
        index = self.varint(self.end)
        if index > len(self.strings):
            raise self.fail(f"string {index:,} is used, {len(self.strings):,} have been defined")
        return self.strings[index - 1] if index else None

    def align(self, size: int) -> None:
        """Skip padding up to a multiple of `size` bytes."""
        self.block(-self.at % size)


class LebCursor(Cursor):
    """LuaJIT: integers in groups of seven bits, lowest first; all but the last have the high bit set."""

    def integer(self) -> int:
        """A 32-bit ULEB128 integer."""
        at = self.at
        if at < self.end and (group := self.data[at]) < 0x80:  # as most are
            self.at = at + 1
            return group
        return self.leb(32)

    def leb(self, bits: int) -> int:
        """An ULEB128 integer of at most `bits` bits. Raises BytecodeError when it is larger."""
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

    def double(self) -> float:
        """A double as two ULEB128 integers, the low 32 bits first."""
        low, high = self.integer(), self.integer()
        value: float = unpack("<d", pack("<II", low, high))[0]
        return value

    def name(self) -> bytes:
        """Bytes up to a NUL."""
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise self.fail("a name in the debug information has no end")
        return self.block(end - self.at + 1)[:-1]
