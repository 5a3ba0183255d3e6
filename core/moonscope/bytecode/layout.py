"""How a dump is laid out, as data: the header, and the sections of a function in the order they are written.

`RawFunction` is a function as the bytes have it, nothing decoded; `read_chunk` fills one from any layout.
The layouts themselves are in `tables`. Source of the facts: ldump.c and lundump.c of each release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import iter_unpack
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from ..errors import BytecodeError
from ..model import LuaVersion
from .reader import Cursor
from .reporter import STRIDE

MAX_NESTING = 200
"""Functions within functions. Lua's own compilers stop earlier: LUAI_MAXCCALLS is 200 in every release."""


class Template(NamedTuple):
    """LuaJIT: the table that a constructor copies. `array` begins at index 0, which programs seldom use."""

    array: tuple[Constant, ...]
    fields: tuple[tuple[Constant, Constant], ...]


class Boxed(NamedTuple):
    """LuaJIT: a number that is an object: "int64" and "uint64" have two words of 32 bits, "complex" four, low first."""

    type: str
    words: tuple[int, ...]


Constant: TypeAlias = "bytes | float | int | bool | Template | Boxed | RawFunction | None"
"""A RawFunction: LuaJIT keeps nested functions among the constants."""


class RawFunction(Struct, gc=False):
    """One function of a dump. Sizes that were announced have been checked, meanings have not.

    There may be ten thousand, and nothing refers back to one, so the collector passes them by. It also passes by tuples
    of what is no container, never lists.
    """

    source: bytes | None = None
    line: int = 0
    last_line: int = 0
    parameters: int = 0
    vararg: int = 0
    stack_size: int = 0
    upvalue_count: int = 0  # 5.1 only has the number; from 5.2 on it is the length of `upvalues`
    code: bytes = b""
    constants: Sequence[Constant] = ()
    upvalues: tuple[tuple[int, ...], ...] = ()  # in stack, index[, kind]
    children: Sequence[RawFunction] = ()
    line_info: bytes = b""
    line_marks: tuple[tuple[int, int], ...] = ()  # (pc, line), 5.4 and 5.5
    locals: tuple[tuple[bytes | None, int, int], ...] = ()
    upvalue_names: tuple[bytes | None, ...] = ()
    size: int = 0  # LuaJIT: bytes in memory; the others sum up their parts (see `size`)


Section: TypeAlias = Callable[[Cursor, "Layout", RawFunction], None]


@dataclass(frozen=True)
class Layout:
    """A dump format. `sections` holds None where the child functions stand."""

    lua: LuaVersion
    cursor: type[Cursor]
    header: tuple[tuple[bytes, str], ...]  # (the only bytes accepted, what they say)
    leading_upvalues: bool  # the header is followed by one byte: the upvalues of the main function
    tags: dict[int, str]  # of constants
    upvalue_bytes: int  # per upvalue description
    line_bytes: int  # per instruction in the line info
    sections: tuple[Section | None, ...]


def read_chunk(cursor: Cursor, layout: Layout) -> RawFunction:
    """The main function of a dump with all below it. Raises BytecodeError."""
    for expected, what in layout.header:
        if cursor.block(len(expected)) != expected:
            raise cursor.fail(f"the {what} in the header is not what Lua {layout.lua} writes on a 64-bit machine")
    if layout.leading_upvalues:
        cursor.byte()
    main = RawFunction()
    open_functions = [_fill(cursor, layout, main)]
    while open_functions:  # a loop, not recursion: hostile nesting must not reach Python's own limit
        child = next(open_functions[-1], None)
        if child is None:
            open_functions.pop()
        elif len(open_functions) >= MAX_NESTING:
            raise cursor.fail(f"functions are nested more than {MAX_NESTING} deep")
        else:
            open_functions.append(_fill(cursor, layout, child))
    return main


def _fill(cursor: Cursor, layout: Layout, function: RawFunction) -> Iterator[RawFunction]:
    """Read one function; yield each child where its bytes begin, for the caller to read before going on."""
    smallest_child = len(layout.sections)  # every section takes at least one byte
    cursor.tell()
    for section in layout.sections:
        if section is not None:
            section(cursor, layout, function)
            continue
        count = cursor.count(smallest_child)
        if count:
            function.children = children = list[RawFunction]()
            for _ in range(count):
                child = RawFunction()
                children.append(child)
                yield child


def source(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the chunkname."""
    function.source = cursor.string()


def lines(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the first and the last line of the definition."""
    function.line = cursor.integer()
    function.last_line = cursor.integer()


def upvalue_count(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the number of upvalues."""
    function.upvalue_count = cursor.byte()


def frame(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the number of parameters, the vararg flag and the number of registers, one byte each."""
    function.parameters = cursor.byte()
    function.vararg = cursor.byte()
    function.stack_size = cursor.byte()


def code(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the instructions, 4 bytes each."""
    words = cursor.integer()
    cursor.align(4)
    function.code = cursor.block(words * 4)


def constants(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the constants: a tag and a value for each."""
    tags = layout.tags
    found: list[Constant] = []
    add = found.append
    for number in range(cursor.count(1)):
        if number % STRIDE == STRIDE - 1:
            cursor.tell()
        tag = cursor.byte()
        kind = tags.get(tag)
        if kind == "string":
            text = cursor.string()
            if text is None:
                raise cursor.fail("a string constant without a string")
            add(text)
        elif kind == "number":
            add(cursor.number())
        elif kind == "integer":
            add(cursor.long())
        elif kind == "nil":
            add(None)
        elif kind == "boolean":
            add(cursor.byte() != 0)
        elif kind is None:
            raise cursor.fail(f"a constant of the unknown type {tag}")
        else:
            add(kind == "true")
    function.constants = tuple(found)


def upvalues(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the descriptions of the upvalues."""
    size = layout.upvalue_bytes
    block = cursor.block(cursor.count(size) * size)
    function.upvalues = tuple(iter_unpack(f"{size}B", block))
    function.upvalue_count = len(function.upvalues)


def line_info(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the line of each instruction: absolute, or the difference to the line before."""
    function.line_info = cursor.block(cursor.count(layout.line_bytes) * layout.line_bytes)


def varint_line_marks(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read pairs of instruction and absolute line, as varints."""
    function.line_marks = tuple([(cursor.integer(), cursor.integer()) for _ in range(cursor.count(2))])


def aligned_line_marks(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read pairs of instruction and absolute line, as aligned 32-bit integers."""
    marks = cursor.count(8)
    if marks:
        cursor.align(4)
        function.line_marks = tuple(iter_unpack("<ii", cursor.block(marks * 8)))


def local_variables(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the names of local variables and where each begins and ends."""
    string, integer = cursor.string, cursor.integer
    function.locals = tuple([(string(), integer(), integer()) for _ in range(cursor.count(3))])


def upvalue_names(cursor: Cursor, layout: Layout, function: RawFunction) -> None:
    """Read the names of the upvalues. Raises BytecodeError if there are more than upvalues."""
    names = cursor.count(1)
    if names > function.upvalue_count:
        raise cursor.fail(f"{names:,} upvalue names for {function.upvalue_count} upvalues")
    function.upvalue_names = tuple([cursor.string() for _ in range(names)])


_SECTIONS: dict[str, Section] = {
    section.__name__: section
    for section in (
        source, lines, upvalue_count, frame, code, constants, upvalues, line_info, varint_line_marks,
        aligned_line_marks, local_variables, upvalue_names,
    )
}  # fmt: skip


def sections(names: str) -> tuple[Section | None, ...]:
    """Those of a layout, from their names."""
    return tuple(_SECTIONS[name] if name != "children" else None for name in names.split())


def check_version(data: bytes, lua: LuaVersion) -> None:
    """Tell a file that is no chunk, or one of another Lua, in words. Raises BytecodeError."""
    if data[:3] == b"\x1bLJ":
        made_by = "LuaJIT"
    elif data[:4] == b"\x1bLua" and len(data) > 4:
        made_by = f"Lua {data[4] >> 4}.{data[4] & 15}"
    else:
        raise BytecodeError(
            f"not a compiled Lua chunk: it does not begin with what string.dump of {lua.full_name} writes"
        )
    asked = lua.full_name.partition(" 2")[0]  # which LuaJIT is told by the reader of its header
    if made_by != asked:
        raise BytecodeError(f"this chunk was made by {made_by}, not by {asked}: choose that version to read it")
