"""`listing` prints what the real luac prints, line for line, addresses apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.bytecode import listing, read
from moonscope.model import LuaVersion

from .conftest import Dump, Luac, real_files

WITH_LUAC = [LuaVersion.LUA51, LuaVersion.LUA52, LuaVersion.LUA53, LuaVersion.LUA54]


def generated() -> dict[str, str]:
    """Sources at the limits of the instruction formats."""
    constants = ", ".join(f'"s{n}", {n}.5' for n in range(400))
    fields = "; ".join(f"t.f{n} = t.g{n} + {n}.25" for n in range(300))
    return {
        "many constants": f"local t = {{{constants}}} {fields}",
        "a long list": "return {" + ", ".join(map(str, range(30_000))) + "}",
        "a list that ends in a call": "return {" + "1, " * 1_100 + "...}",
        "a long jump": "while x do " + "f(1, 2) " * 500 + "if y then break end end",
        "lines far apart": "f()" + "\n" * 300 + "f()" + "\n" * 70_000 + "f() " + "g() " * 200,
        "many functions": "".join(f"local function f{n}() return {n} end\n" for n in range(190)),
        "deep functions": "return " + "function() return " * 60 + "1" + " end" * 60,
        "many upvalues": "".join(f"local u{n} = {n}\n" for n in range(50))
        + "return function() return "
        + ", ".join(f"u{n}" for n in range(50))
        + " end",
    }


def first_difference(ours: str, theirs: str) -> str:
    pairs = zip(ours.split("\n"), theirs.split("\n"), strict=False)
    return next((f"line {n}: {a!r} but luac {b!r}" for n, (a, b) in enumerate(pairs, 1) if a != b), "another length")


@pytest.mark.slow
@pytest.mark.parametrize("strip", [False, True], ids=["full", "stripped"])
@pytest.mark.parametrize("lua", WITH_LUAC)
def test_listing_of_real_files_is_that_of_luac(
    lua: LuaVersion, strip: bool, luac: Luac, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    compiled = 0
    for path in real_files():
        chunk = luac.compile(path, strip)
        if chunk is None:  # written for another version
            continue
        compiled += 1
        ours, theirs = listing(read(chunk, lua)), luac.listing(chunk)
        assert ours == theirs, f"{path}: {first_difference(ours, theirs)}"
    assert compiled >= len(sources(lua))


@pytest.mark.parametrize("lua", WITH_LUAC)
@pytest.mark.parametrize("what", generated())
def test_listing_at_the_limits_is_that_of_luac(lua: LuaVersion, what: str, luac: Luac, tmp_path: Path) -> None:
    path = tmp_path / "limits.lua"
    path.write_text(generated()[what])
    chunk = luac.compile(path, strip=False)
    assert chunk is not None
    ours, theirs = listing(read(chunk, lua)), luac.listing(chunk)
    assert ours == theirs, first_difference(ours, theirs)


@pytest.mark.parametrize("lua", WITH_LUAC)
def test_what_the_runtime_of_lupa_dumps_lists_as_luac_lists_it(
    lua: LuaVersion, luac: Luac, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for name, source in sources(lua).items():
        for strip in (False, True):
            chunk = dump(lua, source, strip=strip)
            ours, theirs = listing(read(chunk, lua)), luac.listing(chunk)
            assert ours == theirs, f"{name}: {first_difference(ours, theirs)}"


@pytest.mark.slow
@pytest.mark.parametrize("lua", [LuaVersion.LUA52, LuaVersion.LUA53, LuaVersion.LUA54])
def test_constants_beyond_the_reach_of_an_operand(lua: LuaVersion, luac: Luac, tmp_path: Path) -> None:
    count = 2**17 + 10 if lua == LuaVersion.LUA54 else 2**18 + 10
    path = tmp_path / "huge.lua"
    path.write_text("return {" + ",".join(f"{n}.5" for n in range(count)) + "}")
    chunk = luac.compile(path, strip=True)
    assert chunk is not None
    ours, theirs = listing(read(chunk, lua)), luac.listing(chunk)
    assert "LOADKX" in ours
    assert ours == theirs, first_difference(ours, theirs)


def test_listing_of_55_is_worded_like_54(dump: Dump) -> None:
    text = listing(
        read(
            dump(LuaVersion.LUA55, "local a = ...; print(a.b, a:c(1)); return function() return a end"),
            LuaVersion.LUA55,
        )
    )
    assert text.startswith("\nmain <test.lua:0,0> (")
    assert '\tGETTABUP \t1 0 0\t; _ENV "print"\n' in text
    assert '\tGETFIELD \t2 0 1\t; "b"\n' in text
    assert "\tCLOSURE  \t1 0\t; #1\n" in text
    assert '\t0\tS\t"print"\n' in text
    assert "upvalues (1) for #1:\n\t0\ta\t1\t0\n" in text


def test_the_listing_of_55_leaves_out_what_its_luac_leaves_out(dump: Dump) -> None:
    tree = read(dump(LuaVersion.LUA55, "local a = ...; a:method()"), LuaVersion.LUA55)
    told = next(each for each in tree.root.code if each.opcode == "SELF")
    assert told.comment == '"method"'
    assert f"\tSELF     \t{' '.join(map(str, told.operands))}\n" in listing(tree)
