"""Bytes from anywhere: one clear error, in bounded time and memory."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonscope.bytecode import count_prototypes, listing, read
from moonscope.bytecode.tables import DIALECTS
from moonscope.errors import BytecodeError
from moonscope.model import LuaVersion

from . import fuzz
from .conftest import Dump

ALL = list(LuaVersion)
PUC = ALL[:5]
JITS = ALL[5:]
DUMPS = {lua: fuzz.dumps(lua) for lua in ALL}


def refused_or_read(data: bytes, lua: LuaVersion) -> None:
    counts = fuzz.Counts()
    assert fuzz.try_one(data, lua, counts) == ""


@pytest.mark.parametrize("lua", ALL)
def test_a_chunk_cut_off_anywhere_is_refused(lua: LuaVersion) -> None:
    for chunk in DUMPS[lua]:
        for size in range(len(chunk)):
            with pytest.raises(BytecodeError):
                read(chunk[:size], lua)


@pytest.mark.slow
@pytest.mark.parametrize("lua", ALL)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_changed_chunk_is_read_or_refused(lua: LuaVersion, data: st.DataObject) -> None:
    chunk = bytearray(data.draw(st.sampled_from(DUMPS[lua])))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(chunk) - 1))
        chunk[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=9))
    refused_or_read(bytes(chunk), lua)


@pytest.mark.parametrize("lua", ALL)
@settings(max_examples=100, deadline=None)
@given(tail=st.binary(max_size=200))
def test_a_header_with_anything_behind_it_is_read_or_refused(lua: LuaVersion, tail: Any) -> None:
    refused_or_read(DUMPS[lua][0][:34] + tail, lua)


@pytest.mark.slow
def test_the_fuzzer_finds_nothing_in_a_short_run() -> None:
    counts, wrong = fuzz.run(3_000, seed=1, luas=ALL)
    assert wrong == ""
    assert counts.inputs == counts.read + counts.refused == 3_000
    assert counts.read > 100


def test_the_fuzzer_reports_what_it_finds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(fuzz, "CALLS_AT_LEAST", 0)
    monkeypatch.setattr(fuzz, "CALLS_PER_BYTE", 0)
    assert fuzz.main(["--inputs", "5", "--seed", "3", "--lua", "5.4"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1 inputs: ")
    assert "again: python tests/core/bytecode/fuzz.py --seed 3 --first 0 --inputs 1 --lua 5.4" in err


def test_an_unknown_opcode_names_the_instruction(dump: Dump) -> None:
    chunk = dump(LuaVersion.LUA54, "return 1")
    code = chunk.index(struct.pack("<I", 0x51))  # VARARGPREP 0
    with pytest.raises(BytecodeError, match=r"instruction 1 \(line 1\) has opcode 127, which Lua 5\.4 does not know"):
        read(chunk[:code] + b"\x7f" + chunk[code + 1 :], LuaVersion.LUA54)


def test_an_index_that_leads_nowhere_is_shown(dump: Dump) -> None:
    chunk = dump(LuaVersion.LUA54, "x = ...; return x")
    code = chunk.index(struct.pack("<I", 0x51))
    get = struct.pack("<I", 11 | 7 << 16 | 9 << 24)  # GETTABUP 0 7 9
    tree = read(chunk[: code + 4] + get + chunk[code + 8 :], LuaVersion.LUA54)
    assert tree.root.code[1].comment == "(no upvalue 7) (no constant 9)"


@pytest.mark.parametrize("lua", PUC)
def test_a_count_is_checked_before_anything_is_made_of_it(lua: LuaVersion, dump: Dump) -> None:
    """A billion instructions, constants, functions … in a chunk of a few hundred bytes."""
    chunk = dump(lua, "local a = 1; return function() return a end")
    if lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        last = 0x80 if lua == LuaVersion.LUA54 else 0x00
        more = 0x80 ^ last
        absurd = bytes([0x03 | more, 0x7F | more, 0x7F | more, 0x7F | more, 0x7F | last])
    else:
        absurd = struct.pack("<I", 1_000_000_000)
    for at in range(34, len(chunk)):
        refused_or_read(chunk[:at] + absurd + chunk[at + len(absurd) :], lua)
        refused_or_read(chunk[:at] + absurd + chunk[at:], lua)


@pytest.mark.parametrize("lua", JITS)
def test_a_count_of_luajit_is_checked_before_anything_is_made_of_it(lua: LuaVersion, dump: Dump) -> None:
    chunk = dump(lua, "local a = 1; return {1, x = 2, f('s', 2^60)}, function() return a end")
    absurd = b"\xff\xff\xff\xff\x0f"
    for at in range(4, len(chunk)):
        refused_or_read(chunk[:at] + absurd + chunk[at + len(absurd) :], lua)
        refused_or_read(chunk[:at] + absurd + chunk[at:], lua)
        refused_or_read(chunk[:at] + absurd + chunk[at + 1 :], lua)


def first_instruction(lua: LuaVersion, chunk: bytes, first: str, instead: bytes) -> bytes:
    """The chunk with another instruction in the place of its first one, which has operands 0 0 or 0 1."""
    number = list(DIALECTS[lua].by_name).index(first)
    code = re.search(re.escape(bytes([number, 0])) + rb"[\0\1]\0", chunk)
    assert code is not None
    return chunk[: code.start()] + instead + chunk[code.end() :]


@pytest.mark.parametrize("lua", JITS)
def test_an_unknown_opcode_of_luajit_names_the_instruction(lua: LuaVersion, dump: Dump) -> None:
    chunk = first_instruction(lua, dump(lua, "x = 1"), "KSHORT", b"\xc8\0\0\0")
    with pytest.raises(
        BytecodeError, match=r"instruction 1 \(line 1\) has opcode 200, which LuaJIT 2\.. does not know"
    ):
        read(chunk, lua)


@pytest.mark.parametrize(
    ("opcode", "meaning"),
    [
        ("GSET", "(no constant -10)"),
        ("KNUM", "(no constant 10)"),
        ("FNEW", "(no function -10)"),
        ("UGET", "(no upvalue 9)"),
    ],
)
@pytest.mark.parametrize("lua", JITS)
def test_an_index_of_luajit_that_leads_nowhere_is_shown(lua: LuaVersion, dump: Dump, opcode: Any, meaning: Any) -> None:
    """Objects and functions as -1 less their number: there is no place for them in a list that numbers follow."""
    number = list(DIALECTS[lua].by_name).index(opcode)
    tree = read(first_instruction(lua, dump(lua, "x = 1.5"), "KNUM", bytes([number, 0, 9, 0])), lua)
    assert (tree.root.code[0].opcode, tree.root.code[0].comment) == (opcode, meaning)
    assert f"0001    {opcode:<6}   0   9      ; " in listing(tree)


def nested(lua: LuaVersion, depth: int, dump: Dump) -> bytes:
    """Functions within functions, deeper than any compiler makes them: 5.4's one-child function, repeated."""
    header = dump(lua, "return 1", strip=True)[:32]
    front = bytes([0x80, 0x80, 0x80, 0, 0, 2, 0x80, 0x80, 0x80])  # no source, lines, frame, code, constants, upvalues
    back = bytes([0x80, 0x80, 0x80, 0x80])  # line info, marks, locals, names
    return header + (front + b"\x81") * depth + front + b"\x80" + back * (depth + 1)


def test_nesting_is_limited_and_never_reaches_the_limit_of_python(dump: Dump) -> None:
    tree = read(nested(LuaVersion.LUA54, 150, dump), LuaVersion.LUA54)
    assert tree.root.total == 151
    assert listing(tree).count("function <") + listing(tree).count("main <") == 151
    for depth in (200, 1_000, 50_000):
        with pytest.raises(BytecodeError, match="nested more than 200 deep"):
            read(nested(LuaVersion.LUA54, depth, dump), LuaVersion.LUA54)
        with pytest.raises(BytecodeError, match="nested more than 200 deep"):
            count_prototypes(nested(LuaVersion.LUA54, depth, dump), LuaVersion.LUA54)


def test_luajit_nesting_is_limited(dump: Dump) -> None:
    """Each function takes the one before it as its child."""
    chunk = dump(LuaVersion.LUAJIT21, "return 1", strip=True)
    header, leaf = chunk[:5], bytes([7, 0, 0, 1, 0, 0, 0, 0])
    outer = bytes([8, 1, 0, 1, 0, 1, 0, 0, 0])
    assert read(header + leaf + outer * 100 + b"\0", LuaVersion.LUAJIT21).root.total == 101
    with pytest.raises(BytecodeError, match="nested more than 200 deep"):
        read(header + leaf + outer * 5_000 + b"\0", LuaVersion.LUAJIT21)


def test_a_long_string_used_again_and_again_does_not_fill_the_memory(dump: Dump) -> None:
    """5.5 writes a string once and names it in two bytes ever after; here a megabyte, 2,000 times."""
    text = b"x" * 1_000_000
    chunk = dump(LuaVersion.LUA55, b"return '" + text + b"', 'y'", strip=True)
    again = b"\x14\x00\x01"  # a string constant: string number 1
    at = chunk.index(b"\x04\x02y\x00")
    count = at - len(text) - 6
    assert chunk[count] == 2
    bomb = chunk[:count] + bytes([0x80 | 2_001 >> 7, 2_001 & 0x7F]) + chunk[count + 1 : at] + again * 2_000
    bomb += chunk[at + 4 :]
    with pytest.raises(BytecodeError, match="far longer than the chunk"):
        read(bomb, LuaVersion.LUA55)
    fewer = chunk[:count] + bytes([11]) + chunk[count + 1 : at] + again * 10 + chunk[at + 4 :]
    assert len(read(fewer, LuaVersion.LUA55).root.constants) == 11


def test_a_string_that_was_not_written_yet_is_refused(dump: Dump) -> None:
    chunk = dump(LuaVersion.LUA55, "return 'y'", strip=True)
    broken = chunk.replace(b"\x04\x02y\x00", b"\x04\x00\x05\x00")
    with pytest.raises(BytecodeError, match="string 5 is used, 0 have been defined"):
        read(broken, LuaVersion.LUA55)
