"""What `read` tells of a dump."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moonscope.bytecode import count_prototypes, operands_text, read
from moonscope.errors import BytecodeError
from moonscope.model import LuaVersion, Prototype, PrototypeTree

from .conftest import Dump

PUC = [LuaVersion.LUA51, LuaVersion.LUA52, LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55]
ALL = list(LuaVersion)
SOURCE = """local counter = 0
local function add(a, b, ...)
  counter = counter + a * b
  return counter, "it's" .. b
end
return add
"""


def prototypes(root: Prototype) -> list[Prototype]:
    return [root] + [each for child in root.children for each in prototypes(child)]


@pytest.fixture(params=ALL)
def tree(request: pytest.FixtureRequest, dump: Dump) -> PrototypeTree:
    return read(dump(request.param, SOURCE), request.param, key="add.lua")


def test_a_tree_says_what_was_read(tree: PrototypeTree) -> None:
    assert tree.key == "add.lua"
    assert tree.notice == ""
    assert tree.root.total == 2
    assert tree.root.source == "@test.lua"
    assert tree.root.line == 0
    assert tree.root.vararg


def test_a_function_has_its_lines_parameters_and_locals(tree: PrototypeTree) -> None:
    (add,) = tree.root.children
    assert (add.line, add.last_line) == (2, 5)
    assert (add.parameters, add.vararg) == (2, True)
    named = [each for each in add.locals if each.name in ("a", "b")]
    assert [each.name for each in named] == ["a", "b"]
    assert all(each.start_pc == 1 and each.end_pc in (len(add.code), len(add.code) + 1) for each in named)


def test_instructions_are_numbered_and_know_their_line(tree: PrototypeTree) -> None:
    (add,) = tree.root.children
    assert [each.pc for each in add.code] == list(range(1, len(add.code) + 1))
    assert {each.line for each in add.code} <= {2, 3, 4, 5}
    assert [each.line for each in add.code] == sorted(each.line for each in add.code)


def test_constants_are_shown_as_source_would_write_them(tree: PrototypeTree) -> None:
    constants = dict(zip(tree.root.children[0].constants, tree.root.children[0].constant_types, strict=True))
    assert constants['"it\'s"'] == "string"


def test_upvalues_tell_where_they_come_from(tree: PrototypeTree) -> None:
    (counter,) = tree.root.children[0].upvalues
    assert counter.name == "counter"
    assert counter.in_stack
    assert counter.index == 0


@pytest.mark.parametrize("lua", ALL)
def test_an_upvalue_of_an_upvalue_is_not_in_the_stack(lua: LuaVersion, dump: Dump) -> None:
    source = "local a, b = 1, 2; return function() return function() return b, a end end"
    middle = read(dump(lua, source), lua).root.children[0]
    inner = middle.children[0]
    assert [(each.name, each.in_stack, each.index) for each in middle.upvalues] == [("b", True, 1), ("a", True, 0)]
    assert [(each.name, each.in_stack, each.index) for each in inner.upvalues] == [("b", False, 0), ("a", False, 1)]


@pytest.mark.parametrize("lua", PUC)
def test_numbers_look_as_in_that_lua(lua: LuaVersion, dump: Dump) -> None:
    root = read(dump(lua, "return 1e15, 1e100, 0.1, -1e999, 3.0, 7000000"), lua).root
    shown = dict(zip(root.constants, root.constant_types, strict=True))
    if lua in (LuaVersion.LUA51, LuaVersion.LUA52):
        assert shown == dict.fromkeys(["1e+15", "1e+100", "0.1", "-inf", "3", "7000000"], "number")
    else:
        assert {"1e+100", "0.1", "-inf", "7000000"} <= set(shown)
        assert shown["0.1"] == "float"
        assert shown["7000000"] == "integer"


@pytest.mark.parametrize("lua", [LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55])
def test_integers_keep_their_sign_and_size(lua: LuaVersion, dump: Dump) -> None:
    root = read(dump(lua, "return 9223372036854775807, -9223372036854775807 - 1, -1000000, 255255255"), lua).root
    assert set(root.constants) == {"9223372036854775807", "-9223372036854775808", "-1000000", "255255255"}


@pytest.mark.parametrize("lua", ALL)
def test_bytes_that_do_not_print_are_escaped_in_constants_and_names(lua: LuaVersion, dump: Dump) -> None:
    tree = read(dump(lua, b'return "\\"\\\\\\n\\t\\0\xc3\xa9\xff"', name="@caf\u00e9\n.lua"), lua)
    assert '"\\"\\\\\\n\\t\\000\\195\\169\\255"' in tree.root.constants
    assert tree.root.source == "@caf\u00e9\n.lua"


@pytest.mark.parametrize("lua", ALL)
def test_a_chunkname_that_is_not_utf8_is_escaped(lua: LuaVersion, dump: Dump) -> None:
    chunk = dump(lua, "return 1", name="@name.lua").replace(b"@name.lua", b"@nam\xff.lua")
    assert read(chunk, lua).root.source == "@nam\\xff.lua"


@pytest.mark.parametrize("lua", ALL)
def test_source_text_that_serves_as_chunkname_is_shortened(lua: LuaVersion, dump: Dump) -> None:
    text = "local x = 1 " + "-- padding " * 100
    source = read(dump(lua, text, name=text), lua).root.source
    assert source == text[:80] + "…"


@pytest.mark.parametrize("lua", PUC)
def test_jumps_know_their_target(lua: LuaVersion, dump: Dump) -> None:
    root = read(
        dump(lua, "local n = ...; while n do n = f(n) end; for i = 1, 3 do f(i) end; for k in n do f(k) end"), lua
    ).root
    told = [each for each in root.code if "to " in each.comment]
    assert len(told) >= 5
    for each in told:
        assert each.comment.endswith(f"to {each.target}")
        assert each.target is not None
        assert 1 <= each.target <= len(root.code)
    assert any((each.target or 0) < each.pc for each in told)
    assert any((each.target or 0) > each.pc for each in told)


@pytest.mark.parametrize("lua", [LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55])
def test_a_stripped_chunk_is_read_and_says_what_is_missing(lua: LuaVersion, dump: Dump) -> None:
    tree = read(dump(lua, SOURCE, strip=True), lua)
    (add,) = tree.root.children
    assert "stripped" in tree.notice
    assert add.source == "=?"
    assert (add.line, add.last_line, add.parameters) == (2, 5, 2)
    assert {each.line for each in add.code} == {0}
    assert add.locals == ()
    assert [each.name for each in add.upvalues] == [""]


@pytest.mark.parametrize("lua", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_the_size_is_the_sum_of_what_the_vm_allocates(lua: LuaVersion, dump: Dump) -> None:
    (add,) = read(dump(lua, SOURCE), lua).root.children
    parts = 128 + 4 * len(add.code) + 16 * len(add.constants) + 16 * len(add.locals) + 16 * len(add.upvalues)
    assert add.size == parts + len(add.code)  # one byte of line information per instruction


@pytest.mark.parametrize("lua", ALL)
def test_a_size_grows_with_the_code(lua: LuaVersion, dump: Dump) -> None:
    small = read(dump(lua, "f()"), lua).root
    large = read(dump(lua, "f()" * 2), lua).root
    assert small.size < large.size < 2 * small.size


@pytest.mark.parametrize("lua", ALL)
def test_counting_agrees_with_reading(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    for source in sources(lua).values():
        chunk = dump(lua, source)
        tree = read(chunk, lua)
        assert count_prototypes(chunk, lua) == tree.root.total == len(prototypes(tree.root))


def test_operands_are_written_as_luac_writes_them(dump: Dump) -> None:
    code = read(dump(LuaVersion.LUA54, "local t = ...; t.x = 'constant'; t.y = t"), LuaVersion.LUA54).root.code
    written = [operands_text(LuaVersion.LUA54, each) for each in code if each.opcode == "SETFIELD"]
    assert written == ["0 0 1k", "0 2 0"]


@pytest.mark.parametrize("lua", PUC)
@pytest.mark.parametrize("other", ALL)
def test_a_chunk_of_another_lua_is_refused_by_name(lua: LuaVersion, other: LuaVersion, dump: Dump) -> None:
    if lua == other:
        return
    with pytest.raises(BytecodeError, match="made by LuaJIT" if "jit" in other else f"made by Lua {other}"):
        read(dump(other, "return 1"), lua)


@pytest.mark.parametrize("lua", ALL)
@pytest.mark.parametrize("data", [b"", b"\x1b", b"return 1", b"\x1bLua", b"\x1bLJ", b"PK\x03\x04"])
def test_what_is_no_chunk_is_refused(lua: LuaVersion, data: bytes) -> None:
    with pytest.raises(BytecodeError):
        read(data, lua)
    with pytest.raises(BytecodeError):
        count_prototypes(data, lua)


@pytest.mark.parametrize("lua", PUC)
def test_a_chunk_of_another_machine_is_refused_in_words(lua: LuaVersion, dump: Dump) -> None:
    chunk = bytearray(dump(lua, "return 1"))
    chunk[6 if lua in (LuaVersion.LUA51, LuaVersion.LUA52) else 12] ^= 0x04
    with pytest.raises(BytecodeError, match=r"in the header is not what Lua .* writes on a 64-bit machine"):
        read(bytes(chunk), lua)


@pytest.mark.parametrize("lua", ALL)
def test_bytes_after_the_chunk_are_told(lua: LuaVersion, dump: Dump) -> None:
    tree = read(dump(lua, "return 1") + b"rubbish", lua)
    assert tree.notice == "7 bytes after the end of the chunk were not read."
