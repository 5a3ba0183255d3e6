"""Nothing of a dump is lost or misread: what was read can be written again, byte for byte.

The writer here is the reader's opposite, made from the same tables; the assembler has its own description of the
instruction formats, so that a field read from the wrong bits shows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from moonscope.bytecode import layout, read
from moonscope.bytecode.layout import RawFunction, read_chunk
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import LuaVersion, Prototype

from .conftest import Dump

PUC = [lua for lua in DIALECTS if "jit" not in lua]


class Writer:
    """Integers and strings as one Lua writes them."""

    def __init__(self, lua: LuaVersion) -> None:
        self.lua = lua
        self.out = bytearray()
        self.strings: list[bytes] = []

    def varint(self, value: int) -> None:
        groups = [value & 0x7F]
        while value := value >> 7:
            groups.insert(0, value & 0x7F)
        if self.lua == LuaVersion.LUA54:
            groups[-1] |= 0x80
        else:
            groups[:-1] = [group | 0x80 for group in groups[:-1]]
        self.out += bytes(groups)

    def integer(self, value: int) -> None:
        if self.lua in (LuaVersion.LUA54, LuaVersion.LUA55):
            self.varint(value)
        else:
            self.out += struct.pack("<i", value)

    def long(self, value: int) -> None:
        if self.lua == LuaVersion.LUA55:
            self.varint(2 * value if value >= 0 else -2 * value - 1)
        else:
            self.out += struct.pack("<q", value)

    def align(self, size: int) -> None:
        if self.lua == LuaVersion.LUA55:
            self.out += bytes(-len(self.out) % size)

    def string(self, value: bytes | None) -> None:
        size = 0 if value is None else len(value) + 1
        match self.lua:
            case LuaVersion.LUA51 | LuaVersion.LUA52:
                self.out += struct.pack("<Q", size) + (b"" if value is None else value + b"\0")
            case LuaVersion.LUA53:
                self.out += bytes([size]) if size < 0xFF else b"\xff" + struct.pack("<Q", size)
                self.out += value or b""
            case LuaVersion.LUA54:
                self.varint(size)
                self.out += value or b""
            case _:
                self._shared(value)

    def _shared(self, value: bytes | None) -> None:
        if value is None or value in self.strings:
            self.varint(0)
            self.varint(0 if value is None else self.strings.index(value) + 1)
        else:
            self.varint(len(value) + 1)
            self.out += value + b"\0"
            self.strings.append(value)


def write_constants(writer: Writer, function: RawFunction) -> None:
    kinds = {kind: tag for tag, kind in reversed(DIALECTS[writer.lua].layout.tags.items())}
    writer.integer(len(function.constants))
    for value in function.constants:
        if isinstance(value, bytes):
            long = len(value) > 40 and writer.lua not in (LuaVersion.LUA51, LuaVersion.LUA52)
            writer.out.append(0x14 if long else 0x04)
            writer.string(value)
        elif isinstance(value, bool):
            writer.out += (
                bytes([kinds["boolean"], value]) if "boolean" in kinds else bytes([kinds["true" if value else "false"]])
            )
        elif value is None:
            writer.out.append(kinds["nil"])
        elif isinstance(value, int):
            writer.out.append(kinds["integer"])
            writer.long(value)
        else:
            writer.out += bytes([kinds["number"]]) + struct.pack("<d", value)


def write_lines(writer: Writer, function: RawFunction) -> None:
    writer.integer(function.line)
    writer.integer(function.last_line)


def write_frame(writer: Writer, function: RawFunction) -> None:
    writer.out += bytes([function.parameters, function.vararg, function.stack_size])


def write_code(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.code) // 4)
    writer.align(4)
    writer.out += function.code


def write_upvalues(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.upvalues))
    for upvalue in function.upvalues:
        writer.out += bytes(upvalue)


def write_line_info(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.line_info) // DIALECTS[writer.lua].layout.line_bytes)
    writer.out += function.line_info


def write_varint_marks(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.line_marks))
    for pc, line in function.line_marks:
        writer.integer(pc)
        writer.integer(line)


def write_aligned_marks(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.line_marks))
    if function.line_marks:
        writer.align(4)
    for mark in function.line_marks:
        writer.out += struct.pack("<ii", *mark)


def write_locals(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.locals))
    for name, start, end in function.locals:
        writer.string(name)
        writer.integer(start)
        writer.integer(end)


def write_names(writer: Writer, function: RawFunction) -> None:
    writer.integer(len(function.upvalue_names))
    for name in function.upvalue_names:
        writer.string(name)


WRITE: dict[Callable[..., None], Callable[[Writer, RawFunction], None]] = {
    layout.source: lambda writer, function: writer.string(function.source),
    layout.lines: write_lines,
    layout.upvalue_count: lambda writer, function: writer.out.append(function.upvalue_count),
    layout.frame: write_frame,
    layout.code: write_code,
    layout.constants: write_constants,
    layout.upvalues: write_upvalues,
    layout.line_info: write_line_info,
    layout.varint_line_marks: write_varint_marks,
    layout.aligned_line_marks: write_aligned_marks,
    layout.local_variables: write_locals,
    layout.upvalue_names: write_names,
}


def write_function(writer: Writer, function: RawFunction) -> None:
    for section in DIALECTS[writer.lua].layout.sections:
        if section is None:
            writer.integer(len(function.children))
            for child in function.children:
                write_function(writer, child)
        else:
            WRITE[section](writer, function)


def written(lua: LuaVersion, main: RawFunction) -> bytes:
    writer = Writer(lua)
    for part, _ in DIALECTS[lua].layout.header:
        writer.out += part
    if DIALECTS[lua].layout.leading_upvalues:
        writer.out.append(main.upvalue_count)
    write_function(writer, main)
    return bytes(writer.out)


@pytest.mark.parametrize("lua", PUC)
def test_a_chunk_that_was_read_can_be_written_again_byte_for_byte(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    lines = b"f()" + b"\n" * 300 + b"f()" + b"\n" * 70_000 + b"f() " + b"g() " * 200
    for source in [*sources(lua).values(), lines]:
        for strip in (False, True):
            chunk = dump(lua, source, strip=strip)
            where = DIALECTS[lua].layout
            assert written(lua, read_chunk(where.cursor(chunk), where)) == chunk


OLD_FIELDS = {"A": (6, 8, 0), "B": (23, 9, 0), "C": (14, 9, 0), "Bx": (14, 18, 0), "sBx": (14, 18, 131071),
              "Ax": (6, 26, 0)}  # fmt: skip
NEW_FIELDS = {
    "A": (7, 8, 0),
    "k": (15, 1, 0),
    "B": (16, 8, 0),
    "C": (24, 8, 0),
    "sB": (16, 8, 127),
    "sC": (24, 8, 127),
    "vB": (16, 6, 0),
    "vC": (22, 10, 0),
    "Bx": (15, 17, 0),
    "sBx": (15, 17, 65535),
    "Ax": (7, 25, 0),
    "sJ": (7, 25, 16777215),
}


def assembled(lua: LuaVersion, name: str, operands: tuple[int, ...]) -> tuple[int, int]:
    """The word of an instruction, and which of its bits the operands tell."""
    dialect = DIALECTS[lua]
    new = lua in (LuaVersion.LUA54, LuaVersion.LUA55)
    number = [each.name for each in dialect.opcodes].index(name)
    opcode = dialect.opcodes[number]
    word, told = number, 0x7F if new else 0x3F
    for kind, field, operand in zip(opcode.kinds, opcode.fields, operands, strict=True):
        shift, bits, excess = (NEW_FIELDS if new else OLD_FIELDS)[field]
        if kind == "k" and not new:
            value = -1 - operand
        else:
            value = 255 - operand if operand < 0 and excess == 0 else operand + excess
        assert 0 <= value < 1 << bits
        word |= value << shift
        told |= (1 << bits) - 1 << shift
    return word, told


@pytest.mark.parametrize("lua", PUC)
def test_instructions_can_be_assembled_again_from_what_is_shown(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    seen = set()
    for source in sources(lua).values():
        chunk = dump(lua, source)
        dialect = DIALECTS[lua]
        waiting: list[tuple[RawFunction, Prototype]] = [
            (read_chunk(dialect.layout.cursor(chunk), dialect.layout), read(chunk, lua).root)
        ]
        while waiting:
            raw, prototype = waiting.pop()
            for (word,), shown in zip(struct.iter_unpack("<I", raw.code), prototype.code, strict=True):
                again, told = assembled(lua, shown.opcode, shown.operands)
                assert word & told == again, f"{shown} is {word:#x}"
                seen.add(shown.opcode)
            waiting += zip(raw.children, prototype.children, strict=True)
    unseen = {each.name for each in DIALECTS[lua].opcodes} - seen
    assert unseen <= {"LOADKX", "EXTRAARG"}  # for functions with more than 100,000 constants


@pytest.mark.parametrize("lua", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_the_vm_and_the_reader_agree_on_every_line(lua: LuaVersion, dump: Dump) -> None:
    """`debug.getinfo` of the same Lua tells the active lines of a function it undumped."""
    import importlib

    source = b"local a = 1\n\n\nlocal b = a\n" + b"\n" * 500 + b"if a then\n b = 2\nend\nreturn b\n"
    chunk = dump(lua, source)
    runtime = importlib.import_module("lupa.lua" + lua.replace(".", "")).LuaRuntime(encoding=None)
    lines = runtime.execute(
        b"return function(chunk) local all = {} for line in pairs(debug.getinfo(load(chunk), 'L').activelines) do "
        b"all[#all + 1] = line end table.sort(all) return table.concat(all, ' ') end"
    )(chunk)
    shown = {each.line for each in read(chunk, lua).root.code if each.opcode != "VARARGPREP"}
    assert [int(each) for each in lines.split()] == sorted(shown)
