"""What `read` tells of a LuaJIT dump, where it is not as in the other Luas."""

from __future__ import annotations

from typing import Any

import pytest

from moonscope.bytecode import count_prototypes, listing, read
from moonscope.errors import BytecodeError
from moonscope.model import LuaVersion

from .conftest import Dump

JITS = [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]
SOURCE = """local up = 1
local function add(x, y)
  local z = x + y + up
  return z
end
function last(...)
  for i = 1, 10 do print(i, ...) end
  return function() return add, up end
end
local t = {1, 2, 3, x = 1, y = "s"}
return add, t, 0xFFULL, -12LL, 2i, "text\\n", 3.5, 100000
"""


@pytest.fixture(params=JITS)
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    return request.param


def test_functions_stand_in_the_order_of_the_source(lua: LuaVersion, dump: Dump) -> None:
    root = read(dump(lua, SOURCE), lua).root
    assert (root.line, root.last_line, root.vararg) == (0, 12, True)
    assert [(each.line, each.last_line) for each in root.children] == [(2, 5), (6, 9)]
    assert [each.line for each in root.children[1].children] == [8]
    assert root.total == count_prototypes(dump(lua, SOURCE), lua) == 4


def test_parameters_locals_and_upvalues_are_read(lua: LuaVersion, dump: Dump) -> None:
    add, last = read(dump(lua, SOURCE), lua).root.children
    assert (add.parameters, add.vararg) == (2, False)
    assert [each.name for each in add.locals] == ["x", "y", "z"]
    assert [(each.name, each.in_stack) for each in add.upvalues] == [("up", True)]
    assert last.vararg
    assert [each.name for each in last.locals] == ["(for index)", "(for limit)", "(for step)", "i"]
    assert [(each.name, each.in_stack) for each in last.children[0].upvalues] == [("add", False), ("up", False)]


def code_of(lua: LuaVersion, dump: Dump, source: str) -> Any:
    return [(each.opcode, each.operands, each.comment) for each in read(dump(lua, source), lua).root.code]


def test_instructions_are_decoded(lua: LuaVersion, dump: Dump) -> None:
    add = read(dump(lua, SOURCE), lua).root.children[0]
    assert [(each.pc, each.line, each.opcode, each.operands, each.comment) for each in add.code] == [
        (1, 3, "ADDVV", (2, 0, 1), ""),
        (2, 3, "UGET", (3, 0), "up"),
        (3, 3, "ADDVV", (2, 2, 3), ""),
        (4, 4, "RET1", (2, 2), ""),
    ]


def test_operands_are_places_among_constants_and_children(lua: LuaVersion, dump: Dump) -> None:
    """LuaJIT counts numbers from 0 again, and nested functions with the strings."""
    code = code_of(lua, dump, "f = function() end; g = function() end; x = 1.5; y = x + 2.5")
    assert ("FNEW", (0, 0), "function <1,1>") in code
    assert ("FNEW", (0, 1), "function <1,1>") in code
    root = read(dump(lua, "f = function() end; g = function() end; x = 1.5; y = x + 2.5"), lua).root
    named = [root.constants[operands[-1]] for opcode, operands, _ in code if opcode in ("GSET", "KNUM", "ADDVN")]
    assert named == ['"f"', '"g"', "1.5", '"x"', "2.5", '"y"']
    assert [comment for opcode, _, comment in code if opcode in ("GSET", "KNUM", "ADDVN")] == named


def test_what_operands_mean_is_told(lua: LuaVersion, dump: Dump) -> None:
    code = code_of(lua, dump, "local t = {nil, 2, f()}; t[1] = nil; t.x = true; local u = {x = 1}; return g(...)")
    assert [comment for opcode, _, comment in code if opcode == "TSETM"] == ["3"]
    comments = [comment for _, _, comment in code]
    assert {"nil", "true", "{x = 1}", "all out", "all in", "0 in all out"} <= set(comments)
    table = next(
        comment for opcode, _, comment in code_of(lua, dump, "local a = {1, f(), y = f()}") if opcode == "TDUP"
    )
    assert table == "{1, y = nil}"


def test_a_loop_instruction_says_where_the_loop_ends_and_does_not_jump(lua: LuaVersion, dump: Dump) -> None:
    code = read(dump(lua, "while a do if b then break end end"), lua).root.code
    loop = next(each for each in code if each.opcode == "LOOP")
    assert (loop.target, loop.pc + loop.operands[-1] + 1) == (None, len(code))
    assert [each.opcode for each in code if each.target is not None].count("JMP") >= 3


def test_constants_of_every_type_are_shown(lua: LuaVersion, dump: Dump) -> None:
    root = read(dump(lua, SOURCE), lua).root
    shown = dict(zip(root.constants, root.constant_types, strict=True))
    assert shown['"text\\n"'] == "string"
    assert shown["255ULL"] == "uint64"
    assert shown["-12LL"] == "int64"
    assert shown["0+2i"] == "complex"
    assert shown["3.5"] == shown["100000"] == "number"
    table = next(text for text, kind in shown.items() if kind == "table")
    assert table in ('{1, 2, 3, x = 1, y = "s"}', '{1, 2, 3, y = "s", x = 1}')
    assert shown["function <2,5>"] == "function"


def test_a_stripped_chunk_is_read_and_says_so(lua: LuaVersion, dump: Dump) -> None:
    tree = read(dump(lua, SOURCE, strip=True), lua)
    assert "stripped" in tree.notice
    assert tree.root.source == "=?"
    assert tree.root.total == 4
    assert [each.parameters for each in tree.root.children] == [2, 0]


def test_the_size_is_one_allocation_as_luajit_sums_it(dump: Dump) -> None:
    small, wide = (read(dump(each, "return 1", strip=True), each).root for each in JITS)
    assert small.size == (64 + 4 * (len(small.code) + 1) + 7) // 8 * 8
    assert wide.size == (104 + 4 * (len(wide.code) + 1) + 7) // 8 * 8


def test_many_lines_take_wider_line_information(lua: LuaVersion, dump: Dump) -> None:
    for lines in (10, 300, 70_000):
        root = read(dump(lua, "f()" + "\n" * lines + "g()"), lua).root
        assert {1, lines + 1} <= {each.line for each in root.code}


def test_the_other_luajit_is_told_by_name(dump: Dump) -> None:
    with pytest.raises(BytecodeError, match=r"made by LuaJIT 2\.0, not by LuaJIT 2\.1"):
        read(dump(LuaVersion.LUAJIT20, "return 1"), LuaVersion.LUAJIT21)
    with pytest.raises(BytecodeError, match=r"made by LuaJIT 2\.1, not by LuaJIT 2\.0"):
        read(dump(LuaVersion.LUAJIT21, "return 1"), LuaVersion.LUAJIT20)
    with pytest.raises(BytecodeError, match=r"made by Lua 5\.4, not by LuaJIT"):
        read(dump(LuaVersion.LUA54, "return 1"), LuaVersion.LUAJIT21)


def test_it_can_be_listed(lua: LuaVersion, dump: Dump) -> None:
    text = listing(read(dump(lua, SOURCE), lua))
    assert text.startswith("-- BYTECODE -- test.lua:2-5\n0001    ADDVV    2   0   1\n")
    assert "0002    UGET     3   0      ; up\n" in text
