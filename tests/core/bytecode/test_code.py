"""The code of a prototype as a sequence whose instructions are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moonscope.bytecode import as_json, read
from moonscope.bytecode.code import BARE_NUMBER, Code, jumps_in, lines_in, opcodes_in
from moonscope.model import LuaVersion

from .conftest import Dump

LUAS = list(LuaVersion)


@pytest.mark.parametrize("strip", [False, True], ids=["full", "stripped"])
@pytest.mark.parametrize("lua", LUAS)
def test_what_is_found_in_the_bytes_is_what_the_instructions_say(
    lua: LuaVersion, strip: bool, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for source in sources(lua).values():
        for prototype in read(dump(lua, source, strip=strip), lua).root.walk():
            code, made = prototype.code, tuple(prototype.code)
            assert list(lines_in(code)) == list(lines_in(made)) == [each.line for each in made]
            assert opcodes_in(code) == opcodes_in(made) == {each.opcode for each in made}
            assert list(jumps_in(code)) == list(jumps_in(made))


@pytest.mark.parametrize("lua", LUAS)
def test_it_can_be_gone_through_as_operations(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for source in sources(lua).values():
        for prototype in read(dump(lua, source), lua).root.walk():
            code = prototype.code
            assert isinstance(code, Code)
            told = [(each.pc, each.opcode, each.operands) for each in code]
            assert [(pc, opcode.name, operands) for pc, opcode, operands in code.operations() if opcode] == told


@pytest.mark.parametrize("lua", LUAS)
def test_it_is_a_sequence_like_a_tuple_of_its_instructions(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for source in sources(lua).values():
        code = read(dump(lua, source), lua).root.code
        made = tuple(code)
        assert code == made
        assert code == read(dump(lua, source), lua).root.code
        assert code != made[1:]
        assert [code[at] for at in range(-len(made), len(made))] == [*made, *made]
        assert (code[2:5], code[::-2], code[len(made) :]) == (made[2:5], made[::-2], ())
        for beyond in (len(made), -len(made) - 1):
            with pytest.raises(IndexError):
                code[beyond]


def test_lines_far_apart_are_found(dump: Dump) -> None:
    source = "f()" + "\n" * 1000 + "f()" + "\n" * 90_000 + "f() " + "g() " * 300 + "\nf()"
    for lua in LUAS:
        lines = lines_in(read(dump(lua, source), lua).root.code)
        assert sorted(set(lines)) == [1, 1001, 91_001, 91_002]


def test_the_number_behind_a_setlist_of_51_is_no_instruction(dump: Dump) -> None:
    items = ",".join(map(str, range(30_000)))
    code = read(dump(LuaVersion.LUA51, f"return {{{items}}}"), LuaVersion.LUA51).root.code
    bare = [each.pc for each in code if each.opcode == BARE_NUMBER]
    assert bare
    assert all(code[pc - 2].opcode == "SETLIST" and code[pc - 1].opcode == BARE_NUMBER for pc in bare)
    assert BARE_NUMBER in opcodes_in(code)
    assert isinstance(code, Code)
    assert [pc for pc, opcode, _ in code.operations() if opcode is None] == bare


@pytest.mark.parametrize("lua", LUAS)
def test_long_constants_in_much_code_are_no_reason_to_refuse_it(lua: LuaVersion, dump: Dump) -> None:
    long = "x" * 200_000
    source = f"local t = ... t.a = '{long}'\n" + "t.b = t.c + t.d\n" * 2000
    root = read(dump(lua, source), lua).root
    assert any(long in each.comment for each in root.code)


def test_json_has_every_instruction(dump: Dump) -> None:
    root = read(dump(LuaVersion.LUA54, "return 1"), LuaVersion.LUA54).root
    text = as_json(root).decode()
    assert all(f'"opcode":"{each.opcode}"' in text for each in root.code)
