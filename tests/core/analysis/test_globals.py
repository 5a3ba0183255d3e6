"""Which globals a file reads and writes, by line, in every Lua."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moonscope.analysis.globals import file_state
from moonscope.analysis.values import Access, Kind
from moonscope.model import LuaVersion

from .conftest import Compile

COUNTED = {
    Kind.READS_GLOBAL: "reads",
    Kind.READS_COMPUTED_GLOBAL: "reads",
    Kind.WRITES_GLOBAL: "writes",
    Kind.WRITES_COMPUTED_GLOBAL: "writes",
    Kind.CHANGES_STANDARD: "changes",
    Kind.READS_ALL_GLOBALS: "reads all",
    Kind.HANDS_ON_GLOBALS: "hands on",
    Kind.CHANGES_METATABLE: "metatable",
    Kind.DEFINES_MODULE: "module",
}


@pytest.fixture
def accesses(tree_of: Compile, lua: LuaVersion) -> Any:
    def of(source: str) -> list[Access]:
        return [each for prototype in file_state(tree_of(source, lua)).prototypes for each in prototype.accesses]

    return of


@pytest.fixture
def touched(accesses: Callable[[str], Any]) -> Any:
    """touched(source): (line, what, name) of everything that counts for a verdict, sorted."""

    def of(source: str) -> list[tuple[int, str, str]]:
        found = [(each.line, COUNTED[each.kind], each.name) for each in accesses(source) if each.kind in COUNTED]
        return sorted(found)

    return of


@pytest.fixture
def named(accesses: Callable[[str], Any]) -> Any:
    """named(source, kind): the names of one kind, in the order of the code."""

    def of(source: str, kind: Kind) -> list[str]:
        return [each.name for each in accesses(source) if each.kind is kind]

    return of


def test_reads_and_writes_with_their_lines(touched: Callable[[str], Any]) -> None:
    source = "count = 1\nlocal function step()\n  count = count + start\nend\nreturn step"
    assert touched(source) == [
        (1, "writes", "count"),
        (3, "reads", "count"),
        (3, "reads", "start"),
        (3, "writes", "count"),
    ]


def test_a_file_of_locals_touches_nothing(accesses: Callable[[str], Any]) -> None:
    assert accesses("local M = {}\nfunction M.add(a, b) return a + b end\nM.n = M.add(1, 2)\nreturn M") == []


def test_functions_are_told_apart(tree_of: Compile, lua: LuaVersion) -> None:
    source = "local M = {}\nfunction M.get()\n  return config\nend\nfunction M.set(v)\n  config = v\nend\nreturn M"
    get, set_ = file_state(tree_of(source, lua)).prototypes
    assert (get.path, get.name, get.line, get.last_line) == ((0,), "M.get", 2, 4)
    assert [(each.kind, each.name, each.line) for each in get.accesses] == [(Kind.READS_GLOBAL, "config", 3)]
    assert (set_.path, set_.name) == ((1,), "M.set")
    assert [(each.kind, each.name, each.line) for each in set_.accesses] == [(Kind.WRITES_GLOBAL, "config", 6)]


def test_captured_variables_are_listed_and_the_way_to_the_globals_is_not(tree_of: Compile, lua: LuaVersion) -> None:
    source = "local a, b = 1, 2\nreturn function() b = b + a + c end"
    [inner] = file_state(tree_of(source, lua)).prototypes
    assert sorted(inner.upvalues) == ["a", "b"]


def test_the_standard_library_is_told_by_its_fields(named: Any) -> None:
    source = "local s = string\nprint(s.format('%d', math.floor(1.5)))"
    assert named(source, Kind.READS_STANDARD) == ["string", "print", "string.format", "math.floor"]


def test_a_field_that_the_standard_library_lacks_must_come_from_somewhere(touched: Callable[[str], Any]) -> None:
    assert touched("return string.trim") == [(1, "reads", "string.trim")]


def test_names_of_another_lua_are_told_apart(named: Any) -> None:
    foreign = named("return unpack or table.unpack", Kind.READS_OTHER_STANDARD)
    assert foreign in (["unpack"], ["table.unpack"])


def test_changes_of_the_standard_library(touched: Callable[[str], Any]) -> None:
    source = """\
string.trim = function(s) return s end
print = nil
local t = table
t.size = 1
package.loaded["a"] = {}
package.path = "?.lua"
table.insert(package.preload, 1)
setmetatable(math, {})
getmetatable("").__mod = string.format
require("io").lines = 1
rawset(os, "wait", 1)
"""
    assert [(line, name) for line, what, name in touched(source) if what == "changes"] == [
        (1, "string.trim"),
        (2, "print"),
        (4, "table.size"),
        (5, "package.loaded.a"),
        (6, "package.path"),
        (7, "package.preload"),
        (8, "math"),
        (9, 'getmetatable("").__mod'),
        (10, "io.lines"),
        (11, "os.wait"),
    ]
    assert not [each for each in touched(source) if each[1] != "changes"]


def test_fields_of_other_tables_are_no_globals(touched: Callable[[str], Any]) -> None:
    assert touched("local t = {}\nt.x = 1\nt.y = t.x\nt.t = t") == []
    assert touched("config.x = 1") == [(1, "reads", "config")]


@pytest.mark.parametrize(
    "source",
    [
        "_G.x = _G.y",
        "local g = _G\nlocal h = g\nh.x = h.y",
        "local g = _G\nlocal function f() return function() g.x = g.y end end",
        "_G._G.x = _G._G.y",
        "local g = require '_G'\ng.x = g.y",
        "rawset(_G, 'x', rawget(_G, 'y'))",
        "local k, l = 'x', 'y'\n_G[k] = _G[l]",
        "local function f(env)\n  env = env or _G\n  env.x = env.y\nend",
        "local g\nif ... then g = {} else g = _G end\ng.x = g.y",
        "local g = _G\nfor i = 1, 3 do\n  while i do\n    g.x = g.y\n  end\nend",
        "local g = _G\nfor k, v in next, {} do\n  repeat g.x = g.y until v\nend",
    ],
)
def test_globals_under_another_name(touched: Callable[[str], Any], source: str) -> None:
    assert [(what, name) for _, what, name in touched(source)] == [("reads", "y"), ("writes", "x")]


def test_a_variable_that_gets_another_value_is_no_longer_the_globals(touched: Callable[[str], Any]) -> None:
    assert touched("local g = _G\ng = {}\ng.x = 1") == []
    assert touched("local g, h = _G, {}\ng, h = h, g\ng.x = 1\nh.y = 2") == [(4, "writes", "y")]


@pytest.mark.parametrize(
    "overwrite",
    [
        "local a, b, c = f()",
        "local a, b, c = ...",
        "local a, b, c\nlocal function set() c = {} end",
        "for a, b, c in f do c.x = 1 end\nlocal c = {}",
        "for a = 1, 2 do a.x = 1 end\nlocal c = {}",
    ],
)
def test_a_register_that_is_used_again_is_no_longer_the_globals(touched: Callable[[str], Any], overwrite: Any) -> None:
    source = f"local f = function() end\ndo local p, q, r, s = _G, _G, _G, _G end\n{overwrite}\nc.x = 1"
    assert touched(source) == []


def test_computed_names(touched: Callable[[str], Any]) -> None:
    assert touched("local k = ...\n_G[k] = 1") == [(2, "writes", "")]
    assert touched("local k = ...\nreturn (_G[k])") == [(2, "reads", "")]
    assert touched("for i = 1, 2 do _G['x' .. i] = i end") == [(1, "writes", "")]


def test_names_that_are_no_identifiers(touched: Callable[[str], Any]) -> None:
    assert touched("_G['a b'] = 1\n_G[1] = 2")[0] == (1, "writes", '_G["a b"]')
    assert touched("_G['größe'] = 1") == [(1, "writes", '_G["größe"]')]
    assert touched("_G['\\t\\200'] = 1") == [(1, "writes", '_G["\\t\\200"]')]


@pytest.mark.parametrize(
    ("source", "to"),
    [
        ("local t = {}\nt.g = _G", ""),
        ("return _G", ""),
        ("local t = setmetatable({}, { __newindex = _G })", ""),
        ("local t = { _G }", ""),
        ("some.unknown.method(_G)", ""),
    ],
)
def test_the_table_of_globals_is_handed_on(accesses: Callable[[str], Any], source: str, to: Any) -> None:
    assert [each.name for each in accesses(source) if each.kind is Kind.HANDS_ON_GLOBALS] == [to]


@pytest.mark.parametrize(
    ("source", "to"),
    [("for k, v in pairs(_G) do end", "pairs"), ("local t = setmetatable({}, { __index = _G })", "__index")],
)
def test_the_table_of_globals_is_read_as_a_whole(accesses: Callable[[str], Any], source: str, to: Any) -> None:
    assert [each.name for each in accesses(source) if each.kind is Kind.READS_ALL_GLOBALS] == [to]
    assert not [each for each in accesses(source) if each.kind is Kind.HANDS_ON_GLOBALS]


def test_looking_at_the_table_of_globals_is_not_handing_it_on(accesses: Callable[[str], Any]) -> None:
    assert not [each for each in accesses("print(type(_G), _G)") if each.kind is Kind.HANDS_ON_GLOBALS]


def test_a_metatable_for_the_globals(touched: Callable[[str], Any]) -> None:
    assert touched("setmetatable(_G, {})") == [(1, "metatable", "_G")]


def test_required_modules(named: Any) -> None:
    source = "require 'a'\nlocal b = require('b.c')\nlocal ok = pcall(require, 'maybe')\nrequire(ok)"
    assert named(source, Kind.REQUIRES) == ["a", "b.c", "maybe", ""]


def test_code_that_is_loaded_and_debug(named: Any) -> None:
    source = "local l = load\nloadfile('x')\ndofile('y')\nreturn debug.traceback()"
    assert named(source, Kind.LOADS_CODE) == ["load", "loadfile", "dofile"]
    assert named(source, Kind.USES_DEBUG) == ["debug.traceback"]


def test_more_constants_than_an_instruction_can_name(touched: Callable[[str], Any]) -> None:
    fields = "\n".join(f"t.field{number} = {number}.5" for number in range(600))
    source = f"local t = {{}}\n{fields}\nlast = first\nstring.trim = 1\n"
    assert touched(source) == [(602, "reads", "first"), (602, "writes", "last"), (603, "changes", "string.trim")]


def test_code_that_cannot_be_reached_is_still_seen(touched: Callable[[str], Any]) -> None:
    assert touched("do return end\nx = y") == [(2, "reads", "y"), (2, "writes", "x")]


def test_a_tail_call_hands_on_what_it_gives_and_not_what_it_is_given(tree_of: Compile, lua: LuaVersion) -> None:
    """The instruction after a tail call returns what the called function gave, not the arguments left in registers."""
    source = "local k = ...\nif k then return rawget(_G, 'x') end\nreturn rawget(_G, '_G')"
    [state] = file_state(tree_of(source, lua)).prototypes
    found = [(each.line, each.kind) for each in state.accesses if each.kind is not Kind.READS_STANDARD]
    assert found == [(2, Kind.READS_GLOBAL), (3, Kind.HANDS_ON_GLOBALS)]


@pytest.mark.parametrize("lua", [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21])
def test_what_luajit_has_instructions_of_its_own_for(tree_of: Compile, lua: LuaVersion) -> None:
    """Constants put into upvalues, tail calls that no return follows, arguments after a frame of one or two slots."""
    source = """local g = _G
local function f(a) if a then return print(_G) else return setmetatable(g, {}) end end
local function h() g = "text"; g = 1.5; g = nil; g.x = 1 end
local function k(...) rawset(_G, "y", ...); return rawset(_G, "z", ...) end
_G[1] = 2
return { f(h(k(...))) }"""
    state = file_state(tree_of(source, lua))
    found = [(each.line, each.kind, each.name) for prototype in state.prototypes for each in prototype.accesses]
    heavy = [each for each in found if each[1] not in (Kind.READS_STANDARD, Kind.READS_GLOBAL)]
    assert heavy == [
        (5, Kind.WRITES_COMPUTED_GLOBAL, ""),
        (2, Kind.CHANGES_METATABLE, "_G"),
        (2, Kind.HANDS_ON_GLOBALS, ""),
        (4, Kind.WRITES_GLOBAL, "y"),
        (4, Kind.WRITES_GLOBAL, "z"),
    ]
