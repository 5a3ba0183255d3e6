"""The tables of standard names say what the real VMs have."""

from __future__ import annotations

import pytest

from moonscope.analysis.standard import STANDARD, TABLES, others_with
from moonscope.model import LuaVersion

from .conftest import execute

LIST = b"""
    local names = {}
    for name, value in pairs(_G) do
        names[#names + 1] = name
        if type(value) == "table" and name ~= "_G" then
            for field in pairs(value) do names[#names + 1] = name .. "." .. field end
        end
    end
    return table.concat(names, " ")
"""


def names_of(lua: LuaVersion) -> set[str]:
    found = execute(lua, LIST).decode().split()
    return {name for name in found if name.partition(".")[0] != "python"}  # lupa's own


@pytest.mark.parametrize("lua", list(LuaVersion))
def test_the_names_are_those_of_the_vm(lua: LuaVersion) -> None:
    assert names_of(lua) == STANDARD[lua]


def test_tables_are_told_from_functions() -> None:
    assert {"string", "_G", "utf8"} <= TABLES[LuaVersion.LUA54]
    assert "print" not in TABLES[LuaVersion.LUA54]


def test_a_name_of_another_lua_is_known() -> None:
    assert LuaVersion.LUA51 in others_with("unpack", LuaVersion.LUA54)
    assert others_with("print", LuaVersion.LUA54)
    assert others_with("config", LuaVersion.LUA54) == ()
