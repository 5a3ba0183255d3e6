"""What the bytes of a prototype are spent on."""

from __future__ import annotations

import pytest

from moonscope.bytecode import read
from moonscope.bytecode.size import breakdown
from moonscope.model import LuaVersion

from .conftest import LUA_FILES, Dump

PUC = [LuaVersion.LUA51, LuaVersion.LUA52, LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55]
STRIPPING = [LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55, LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]
"""Whose string.dump can strip."""
SOURCE = """local a, b = 1, 2
return function(x)
  local text = "moon" .. x
  return text, a, b
end
"""


@pytest.mark.parametrize("lua", list(LuaVersion))
@pytest.mark.parametrize("strip", [False, True])
def test_the_parts_of_every_function_add_up_to_its_size(lua: LuaVersion, strip: bool, dump: Dump) -> None:
    source = (LUA_FILES / "common.lua").read_bytes()
    for prototype in read(dump(lua, source, strip=strip), lua).root.walk():
        parts = breakdown(prototype, lua)
        assert sum(getattr(parts, name) for name in parts.__struct_fields__) == prototype.size
        assert min(getattr(parts, name) for name in parts.__struct_fields__) >= 0


@pytest.mark.parametrize("lua", PUC)
def test_each_part_has_what_belongs_to_it(lua: LuaVersion, dump: Dump) -> None:
    root = read(dump(lua, SOURCE), lua).root
    (inner,) = root.children
    parts = breakdown(inner, lua)
    assert parts.code == 4 * len(inner.code)
    assert parts.constants == 16 * len(inner.constants) > 0
    assert parts.locals == 16 * len(inner.locals) == 32
    assert parts.upvalues == (8 if lua is LuaVersion.LUA51 else 16) * 2
    assert parts.functions == 0
    assert parts.lines >= len(inner.code)
    assert breakdown(root, lua).functions == 8


@pytest.mark.parametrize("lua", STRIPPING)
def test_a_stripped_function_spends_nothing_on_lines_and_locals(lua: LuaVersion, dump: Dump) -> None:
    (inner,) = read(dump(lua, SOURCE, strip=True), lua).root.children
    parts = breakdown(inner, lua)
    assert (parts.lines, parts.locals) == (0, 0)
