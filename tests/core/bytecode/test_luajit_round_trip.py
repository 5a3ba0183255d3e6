"""Nothing of a LuaJIT dump is lost or misread: what was read can be written again, byte for byte."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from moonscope.bytecode import luajit
from moonscope.bytecode.layout import Boxed, Constant, RawFunction, Template
from moonscope.model import LuaVersion

from .conftest import Dump

JITS = [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]
EXTRA = b"""
local t = { 1, -2, 3.5, "s", true, false, nil, 7, x = 1, [2.5] = "half", [true] = -1, y = f(), ["not a name"] = 2^31 }
for k, v in pairs(t) do for i = 1, 2 do g(function() k = i; return v, t end) end end
return 0xFFULL, -12LL, 2i, 1e300, -1, -2147483648, 2147483648, 0.1, "\\0\\255", function(a, ...) return a, ... end
"""


def leb(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + leb(value >> 7) if value > 0x7F else bytes([value])


def is_integer(value: float) -> bool:
    return value.is_integer() and -(2**31) <= value < 2**31


def words(value: float) -> tuple[int, int]:
    low, high = struct.unpack("<II", struct.pack("<d", value))
    return low, high


def number(value: float) -> bytes:
    if is_integer(value):
        return leb(2 * (int(value) & 0xFFFF_FFFF))
    low, high = words(value)
    return leb(2 * low + 1) + leb(high)


def item(value: Constant) -> bytes:
    """A key or value of a table."""
    if isinstance(value, bytes):
        return leb(5 + len(value)) + value
    if isinstance(value, float):
        if is_integer(value):
            return b"\3" + leb(int(value) & 0xFFFF_FFFF)
        low, high = words(value)
        return b"\4" + leb(low) + leb(high)
    return b"\0" if value is None else b"\2" if value else b"\1"


def entry(value: Constant) -> bytes:
    if isinstance(value, RawFunction):
        return b"\0"
    if isinstance(value, bytes):
        return leb(5 + len(value)) + value
    if isinstance(value, Boxed):
        return {"int64": b"\2", "uint64": b"\3", "complex": b"\4"}[value.type] + b"".join(map(leb, value.words))
    assert isinstance(value, Template)
    pairs = [part for pair in value.fields for part in pair]
    sizes = leb(len(value.array)) + leb(len(value.fields))
    return b"\1" + sizes + b"".join(map(item, (*value.array, *pairs)))


def debug_of(function: RawFunction) -> bytes:
    lines = function.last_line - function.line
    letter = "B" if lines < 256 else "H" if lines < 65536 else "I"
    steps = [line - function.line for (line,) in struct.iter_unpack("<i", function.line_info)]
    out = struct.pack(f"<{len(steps)}{letter}", *steps)
    out += b"".join((name or b"") + b"\0" for name in function.upvalue_names)
    last = 0
    for at, (name, start, end) in enumerate(function.locals):
        assert name is not None
        first, after = 0 if at < function.parameters else start + 1, end + 1
        hidden = name in luajit.HIDDEN_LOCALS
        out += bytes([luajit.HIDDEN_LOCALS.index(name) + 1]) if hidden else name + b"\0"
        out += leb(first - last) + leb(after - first)
        last = first
    return out + b"\0"


def written(function: RawFunction, strip: bool) -> bytes:
    """One function after those that are nested in it."""
    objects = [value for value in function.constants if not isinstance(value, float)]
    numbers = [value for value in function.constants if isinstance(value, float)]
    debug = b"" if strip else debug_of(function)
    where = [0x8000 * local + 0x4000 * kept + index for local, index, kept in function.upvalues]
    front = bytes([function.vararg, function.parameters, function.stack_size, function.upvalue_count])
    front += leb(len(objects)) + leb(len(numbers)) + leb(len(function.code) // 4)
    if not strip:
        front += leb(len(debug)) + leb(function.line) + leb(function.last_line - function.line)
    body = front + function.code + struct.pack(f"<{len(where)}H", *where)
    body += b"".join(map(entry, reversed(objects))) + b"".join(map(number, numbers)) + debug
    return b"".join(written(child, strip) for child in function.children) + leb(len(body)) + body


@pytest.mark.parametrize("strip", [False, True], ids=["full", "stripped"])
@pytest.mark.parametrize("lua", JITS)
def test_a_chunk_that_was_read_can_be_written_again_byte_for_byte(
    lua: LuaVersion, strip: bool, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    lines = b"f()" + b"\n" * 300 + b"function x() return 1 end" + b"\n" * 70_000 + b"f() " + b"g() " * 200
    for source in [*sources(lua).values(), EXTRA, lines]:
        chunk = dump(lua, source, strip=strip)
        main, left = luajit.read_chunk(chunk, lua)
        name = b"" if strip else leb(len(main.source or b"")) + (main.source or b"")
        assert chunk[:5] + name + written(main, strip) + b"\0" == chunk
        assert left == 0
