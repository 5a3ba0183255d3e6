"""Functions are named after the place where the code puts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moonscope.bytecode import read
from moonscope.model import LuaVersion

from .conftest import Dump


@pytest.fixture(params=LuaVersion)
def names(request: pytest.FixtureRequest, dump: Dump) -> Any:
    """The names of the functions that the main function creates."""

    def of(source: str, strip: bool = False) -> list[str]:
        return [each.name for each in read(dump(request.param, source, strip=strip), request.param).root.children]

    return of


def test_the_main_function_has_no_name(dump: Dump) -> None:
    assert read(dump(LuaVersion.LUA54, "return 1"), LuaVersion.LUA54).root.name == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("local function f() end", ["f"]),
        ("local f = function() end", ["f"]),
        ("local a, b = function() end, function() end", ["a", "b"]),
        ("local f; f = function() end", ["f"]),
        ("local x = 1; do local y = 2 end; local function f() end", ["f"]),
        ("function f() end", ["f"]),
        ("f = function() end", ["f"]),
        ("local M = {}; function M.f() end", ["M.f"]),
        ("local M = {}; function M:f() return self end", ["M:f"]),
        ("local M; M = {}; function M.f() end", ["M.f"]),
        ("local M = m; M = M.sub; function M.f() end", ["M.f"]),
        ("local x; local M = {}; x = a .. b; function M.f() end", ["M.f"]),
        ("local M = {}; M.sub = {}; function M.sub.f() end", ["M.sub.f"]),
        ("function string.trim(s) end", ["string.trim"]),
        ("local M = {}; M['not a name'] = function() end", ["M['not a name']"]),
        ("local M = {f = function() end, g = function() end}", ["f", "g"]),
        ("local function f() end; local M = {}; M.other = f", ["f"]),
        ("local a, b = 1, 2; local function f() return a, b end; local function g() return f end", ["f", "g"]),
        ("local function f(...) return ... end; call(function() end, f)", ["f", ""]),
        ("for k in function() end do local i = k end; for i = 1, f(function() end) do g(i) end", ["", ""]),
        ("local a = g(1, 2, function() end); local b; local c; local d = b", [""]),
        ("return function() end", [""]),
        ("call(function() end)", [""]),
        ("(function() end)()", [""]),
    ],
)
def test_a_function_is_named_after_where_it_is_put(names: Callable[[str], Any], source: str, expected: Any) -> None:
    assert names(source) == expected


def test_names_are_known_where_constants_are_beyond_the_reach_of_an_operand(names: Callable[[str], Any]) -> None:
    many = "local t = {" + ", ".join(f"'s{n}'" for n in range(600)) + "}; "
    assert names(many + "function t.field() end; function put() end; function t.deep.er() end") == [
        "t.field",
        "put",
        "t.deep.er",
    ]


@pytest.mark.parametrize("lua", LuaVersion)
def test_a_function_put_in_an_upvalue_is_named_after_it(lua: LuaVersion, dump: Dump) -> None:
    root = read(
        dump(lua, "local f, M = nil, {}; return function() f = function() end; M.g = function() end end"), lua
    ).root
    assert [each.name for each in root.children[0].children] == ["f", "M.g"]


@pytest.mark.parametrize("lua", [lua for lua in LuaVersion if lua not in (LuaVersion.LUA51, LuaVersion.LUA52)])
def test_without_debug_information_fields_and_globals_still_name(lua: LuaVersion, dump: Dump) -> None:
    source = "local function lost() end; function kept() end; local M = {}; function M.field() end; return lost, M"
    root = read(dump(lua, source, strip=True), lua).root
    assert [each.name for each in root.children] == ["", "kept", "field"]


@pytest.mark.parametrize("lua", LuaVersion)
def test_a_path_that_grows_without_end_is_cut(lua: LuaVersion, dump: Dump) -> None:
    source = "x" + ".field" * 1_000 + " = function() end"
    name = read(dump(lua, source), lua).root.children[0].name
    assert name.endswith("field")
    assert len(name) < 150
