"""Environments: `_ENV` of 5.2 – 5.5, setfenv and module of 5.1, `global` of 5.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moonscope import bytecode
from moonscope.analysis.globals import file_state
from moonscope.analysis.values import Kind
from moonscope.model import LuaVersion

from .conftest import Compile, execute

LIKE_51 = [LuaVersion.LUA51, LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]
WITH_ENV = [lua for lua in LuaVersion if lua not in LIKE_51]
WRITES = {Kind.WRITES_GLOBAL, Kind.WRITES_COMPUTED_GLOBAL, Kind.CHANGES_STANDARD}


@pytest.fixture
def names(tree_of: Compile) -> Any:
    def of(source: str, lua: LuaVersion, *kinds: Kind) -> list[str]:
        found = file_state(tree_of(source, lua)).prototypes
        return [each.name for prototype in found for each in prototype.accesses if each.kind in kinds]

    return of


@pytest.mark.parametrize("lua", WITH_ENV)
def test_a_local_env_is_not_the_globals(names: Callable[..., Any], lua: LuaVersion) -> None:
    assert names("local _ENV = {}\nx = 1\nfunction f() y = 2 end", lua, *WRITES) == []
    assert names("local function f(_ENV) x = 1 end", lua, *WRITES) == []


@pytest.mark.parametrize("lua", WITH_ENV)
def test_a_local_env_that_is_the_globals(names: Callable[..., Any], lua: LuaVersion) -> None:
    assert names("local _ENV = _ENV\nx = 1\nfunction f() y = 2 end", lua, *WRITES) == ["x", "f", "y"]


@pytest.mark.parametrize("lua", WITH_ENV)
def test_after_env_is_replaced_names_are_fields_of_another_table(names: Callable[..., Any], lua: LuaVersion) -> None:
    source = "a = 1\n_ENV = {}\nb = 2\nfunction f() c = 3 end"
    assert names(source, lua, *WRITES) == ["a"]
    assert names(source, lua, Kind.CHANGES_ENVIRONMENT) == ["_ENV"]


@pytest.mark.parametrize("lua", WITH_ENV)
def test_an_env_that_may_have_been_replaced_is_still_followed(names: Callable[..., Any], lua: LuaVersion) -> None:
    assert names("if ... then _ENV = {} end\nx = 1", lua, *WRITES) == ["x"]


@pytest.mark.parametrize("lua", WITH_ENV)
def test_keys_of_env(names: Callable[..., Any], lua: LuaVersion) -> None:
    assert names("_ENV.x = 1\nlocal k = ...\n_ENV[k] = 2", lua, *WRITES) == ["x", ""]


@pytest.mark.parametrize("lua", [lua for lua in LuaVersion if lua not in (LuaVersion.LUA51, LuaVersion.LUA52)])
def test_a_stripped_chunk_still_tells_its_globals(lua: LuaVersion) -> None:
    dump = b"return string.dump((loadstring or load)('local a = 1\\nx = function() y = a + z end'), true)"
    state = file_state(bytecode.read(execute(lua, dump), lua))
    found = [(each.kind, each.name, each.line) for prototype in state.prototypes for each in prototype.accesses]
    expected = [(Kind.WRITES_GLOBAL, "x", 0), (Kind.READS_GLOBAL, "z", 0), (Kind.WRITES_GLOBAL, "y", 0)]
    assert found == expected


@pytest.mark.parametrize("lua", LIKE_51)
def test_module_makes_a_global_and_takes_the_names_after_it(names: Callable[..., Any], lua: LuaVersion) -> None:
    source = "before = 1\nmodule('my.mod', package.seeall)\nfunction f() x = 1 end"
    assert names(source, lua, *WRITES) == ["before"]
    assert names(source, lua, Kind.DEFINES_MODULE) == ["my.mod"]
    assert names("module(...)", lua, Kind.DEFINES_MODULE) == [""]


def test_module_is_only_a_name_where_the_standard_library_lacks_it(names: Callable[..., Any]) -> None:
    source = "module('my.mod')\nx = 1"
    assert names(source, LuaVersion.LUA54, Kind.DEFINES_MODULE) == []
    assert names(source, LuaVersion.LUA54, *WRITES) == ["x"]


@pytest.mark.parametrize("lua", LIKE_51)
def test_setfenv_changes_what_names_mean(names: Callable[..., Any], lua: LuaVersion) -> None:
    source = "setfenv(1, {})\na = 1\nlocal function f() b = 2 end"
    assert names(source, lua, *WRITES) == []
    assert names(source, lua, Kind.CHANGES_ENVIRONMENT) == ["setfenv"]
    assert names("setfenv(1, {})\nsetfenv(1, _G)\na = 1", lua, *WRITES) == []
    assert names("local g = _G\nsetfenv(1, {})\nsetfenv(1, g)\na = 1", lua, *WRITES) == []
    assert names("local f = setfenv\nlocal g = _G\nf(1, {})\nf(1, g)\na = 1", lua, *WRITES) == ["a"]


@pytest.mark.parametrize("lua", LIKE_51)
def test_setfenv_of_another_function_leaves_this_one_alone(names: Callable[..., Any], lua: LuaVersion) -> None:
    assert names("setfenv(function() end, {})\na = 1", lua, *WRITES) == ["a"]


@pytest.mark.parametrize("lua", LIKE_51)
def test_a_function_that_setfenv_gives_another_table_before_it_runs_writes_no_globals(
    names: Callable[..., Any], lua: LuaVersion
) -> None:
    assert names("local function g() x = 1 end setfenv(g, {})", lua, *WRITES) == []
    assert names("local function g() x = 1 return function() y = 2 end end return setfenv(g, {})", lua, *WRITES) == []
    assert names("local function g() x = 1 end g() setfenv(g, {})", lua, *WRITES) == ["x"]
    assert names("local function g() x = 1 end print(g) setfenv(g, {})", lua, *WRITES) == ["x"]
    assert names("local function g() x = 1 end setfenv(g, _G)", lua, *WRITES) == ["x"]


@pytest.mark.parametrize("lua", LIKE_51)
def test_loaded_code_that_setfenv_gives_another_table_has_no_globals(
    names: Callable[..., Any], lua: LuaVersion
) -> None:
    assert names("local f = loadstring(...) setfenv(f, {}) f()", lua, Kind.RUNS_LOADED_CODE) == []
    assert names("local f = loadstring(...) f() setfenv(f, {})", lua, Kind.RUNS_LOADED_CODE) == ["loadstring"]


@pytest.mark.parametrize("lua", WITH_ENV)
def test_loaded_code_that_is_given_an_environment_has_no_globals(names: Callable[..., Any], lua: LuaVersion) -> None:
    for source, found in (
        ("load(..., 'n', 't', {})", []),
        ("loadfile(..., 't', {})", []),
        ("load(..., 'n', 't', _ENV)", ["load"]),
        ("load(...)", ["load"]),
    ):
        assert names(source, lua, Kind.RUNS_LOADED_CODE) == found


@pytest.mark.parametrize("lua", LIKE_51)
def test_getfenv_gives_the_globals(names: Callable[..., Any], lua: LuaVersion) -> None:
    source = "getfenv().x = 1\ngetfenv(0).y = 2\nlocal e = getfenv(1)\ne.z = 3"
    assert names(source, lua, *WRITES) == ["x", "y", "z"]


def test_declared_globals_of_55_are_not_read_when_they_are_defined(names: Callable[..., Any]) -> None:
    source = "global print\nglobal x = 1\nglobal function f() return x end\nprint(f())"
    assert names(source, LuaVersion.LUA55, *WRITES) == ["x", "f"]
    assert names(source, LuaVersion.LUA55, Kind.READS_GLOBAL) == ["f", "x"]
