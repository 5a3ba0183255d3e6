"""LuaJIT dumps: the structure, and an honest word on the rest."""

from __future__ import annotations

import pytest

from moonscope.bytecode import count_prototypes, listing, read
from moonscope.errors import BytecodeError
from moonscope.model import LuaVersion

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
def lua(request) -> LuaVersion:
    return request.param


def test_functions_stand_in_the_order_of_the_source(lua, dump):
    root = read(dump(lua, SOURCE), lua).root
    assert (root.line, root.last_line, root.vararg) == (0, 12, True)
    assert [(each.line, each.last_line) for each in root.children] == [(2, 5), (6, 9)]
    assert [each.line for each in root.children[1].children] == [8]
    assert root.total == count_prototypes(dump(lua, SOURCE), lua) == 4


def test_parameters_locals_and_upvalues_are_read(lua, dump):
    add, last = read(dump(lua, SOURCE), lua).root.children
    assert (add.parameters, add.vararg) == (2, False)
    assert [each.name for each in add.locals] == ["x", "y", "z"]
    assert [(each.name, each.in_stack) for each in add.upvalues] == [("up", True)]
    assert last.vararg
    assert [each.name for each in last.locals] == ["(for index)", "(for limit)", "(for step)", "i"]
    assert [(each.name, each.in_stack) for each in last.children[0].upvalues] == [("add", False), ("up", False)]


def test_instructions_have_lines_but_no_meaning_and_the_tree_says_so(lua, dump):
    tree = read(dump(lua, SOURCE), lua)
    add = tree.root.children[0]
    assert {each.line for each in add.code} == {3, 4}
    assert all(each.opcode.startswith("#") and each.comment == "" for each in add.code)
    assert "not decoded" in tree.notice


def test_constants_of_every_type_are_shown(lua, dump):
    root = read(dump(lua, SOURCE), lua).root
    shown = dict(zip(root.constants, root.constant_types, strict=True))
    assert shown['"text\\n"'] == "string"
    assert shown["255ULL"] == "uint64"
    assert shown["-12LL"] == "int64"
    assert shown["0+2i"] == "complex"
    assert shown["3.5"] == shown["100000"] == "number"
    assert shown["table with 3 items and 2 fields"] == "table"
    assert shown["function <2,5>"] == "function"


def test_a_stripped_chunk_is_read_and_says_so(lua, dump):
    tree = read(dump(lua, SOURCE, strip=True), lua)
    assert "stripped" in tree.notice
    assert tree.root.source == "=?"
    assert tree.root.total == 4
    assert [each.parameters for each in tree.root.children] == [2, 0]


def test_the_size_is_one_allocation_as_luajit_sums_it(dump):
    small, wide = (read(dump(each, "return 1", strip=True), each).root for each in JITS)
    assert small.size == (64 + 4 * (len(small.code) + 1) + 7) // 8 * 8
    assert wide.size == (104 + 4 * (len(wide.code) + 1) + 7) // 8 * 8


def test_many_lines_take_wider_line_information(lua, dump):
    for lines in (10, 300, 70_000):
        root = read(dump(lua, "f()" + "\n" * lines + "g()"), lua).root
        assert {1, lines + 1} <= {each.line for each in root.code}


def test_the_other_luajit_is_told_by_name(dump):
    with pytest.raises(BytecodeError, match=r"made by LuaJIT 2\.0, not by luajit2\.1"):
        read(dump(LuaVersion.LUAJIT20, "return 1"), LuaVersion.LUAJIT21)
    with pytest.raises(BytecodeError, match=r"made by LuaJIT 2\.1, not by luajit2\.0"):
        read(dump(LuaVersion.LUAJIT21, "return 1"), LuaVersion.LUAJIT20)
    with pytest.raises(BytecodeError, match=r"made by Lua 5\.4, not by LuaJIT"):
        read(dump(LuaVersion.LUA54, "return 1"), LuaVersion.LUAJIT21)


def test_it_can_be_listed(lua, dump):
    text = listing(read(dump(lua, SOURCE), lua))
    assert "function <test.lua:2,5>" in text
    assert "2 params" in text
