"""`listing` of LuaJIT prints what the real `luajit -bl` prints, line for line, addresses apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.bytecode import listing, read
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import LuaVersion

from .conftest import Dump, LuaJIT, real_files
from .test_listing import first_difference, generated

JIT = LuaVersion.LUAJIT21


def compare(chunk: bytes, luajit: LuaJIT, what: object) -> None:
    ours, theirs = listing(read(chunk, JIT)), luajit.listing(chunk)
    assert ours == theirs, f"{what}: {first_difference(ours, theirs)}"


@pytest.mark.slow
@pytest.mark.parametrize("strip", [False, True], ids=["full", "stripped"])
def test_listing_of_real_files_is_that_of_luajit(
    strip: bool, luajit: LuaJIT, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    compiled = 0
    for path in real_files():
        chunk = luajit.compile(path, strip)
        if chunk is not None:  # else written for another version
            compiled += 1
            compare(chunk, luajit, path)
    assert compiled >= len(sources(JIT))


@pytest.mark.parametrize("what", generated())
def test_listing_at_the_limits_is_that_of_luajit(what: str, luajit: LuaJIT, tmp_path: Path) -> None:
    path = tmp_path / "limits.lua"
    path.write_text(generated()[what])
    chunk = luajit.compile(path, strip=False)
    assert chunk is not None
    compare(chunk, luajit, what)


def test_strings_in_a_listing_are_cut_and_escaped_as_luajit_does(luajit: LuaJIT, tmp_path: Path) -> None:
    path = tmp_path / "strings.lua"
    texts = [r"\n\t\0\1\127\200", r"quote \" backslash \\", "x" * 40, "x" * 41, r"\n" * 40, r"\n" * 41, "\u00e9" * 30]
    path.write_text("".join(f'f("{text}")\n' for text in texts) + "g(1/0, -1/0, 1e15, 0.1, -7e300, 2^53)")
    chunk = luajit.compile(path, strip=False)
    assert chunk is not None
    compare(chunk, luajit, path)


def test_what_the_runtime_of_lupa_dumps_lists_as_luajit_lists_it(
    luajit: LuaJIT, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for name, source in sources(JIT).items():
        for strip in (False, True):
            compare(dump(JIT, source, strip=strip), luajit, name)


def test_opcodes_are_named_and_numbered_as_luajit_does(luajit: LuaJIT) -> None:
    assert [name.strip() for name in luajit.opcode_names()] == [opcode.name for opcode in DIALECTS[JIT].opcodes]


def test_a_function_whose_source_has_no_name_is_told_by_its_number(dump: Dump) -> None:
    source = "local function f() return 1 end return f -- a text that is longer than forty bytes"
    text = listing(read(dump(JIT, source, name=source), JIT))
    assert text.startswith("-- BYTECODE -- #0:1-1\n")
    assert "FNEW     0   0      ; #0:1\n" in text
    assert "-- BYTECODE -- #1:0-1\n" in text
    assert listing(read(dump(JIT, "return 1", name="return 1"), JIT)).startswith('-- BYTECODE -- "return 1":0-1\n')


@pytest.mark.parametrize("lua", [LuaVersion.LUAJIT20, JIT])
def test_every_instruction_has_a_line(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for source in sources(lua).values():
        tree = read(dump(lua, source), lua)
        instructions = sum(len(prototype.code) for prototype in tree.root.walk())
        assert len(re.findall(r"^\d{4} (?:=>|  ) [A-Z]", listing(tree), re.M)) == instructions
