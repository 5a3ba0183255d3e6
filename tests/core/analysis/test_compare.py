"""Two trees side by side: prototypes matched, instructions and constants compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.analysis.compare import compare
from moonscope.analysis.diff import differences
from moonscope.analysis.values import Comparison, Match
from moonscope.model import LuaVersion

from .conftest import Compile

BODY = "local sum = 0\nfor i = 1, #list do sum = sum + list[i] * {} end\nreturn sum"


def function(name: str, factor: int) -> str:
    return f"function M.{name}(list)\n{BODY.format(factor)}\nend\n"


def module(*functions: str) -> str:
    return "local M = {}\n" + "".join(functions) + "return M\n"


@pytest.fixture
def matches(tree_of: Compile, lua: LuaVersion) -> Any:
    """matches(a, b): (match, name in A, name in B) of all but the main functions."""

    def of(a: str, b: str) -> list[tuple[str, str | None, str | None]]:
        changes = compare(tree_of(a, lua), tree_of(b, lua)).changes
        return [
            (change.match.value, change.a.name if change.a else None, change.b.name if change.b else None)
            for change in changes
            if (change.a or change.b).path
        ]

    return of


def test_a_file_is_the_same_as_itself(tree_of: Compile, lua: LuaVersion) -> None:
    tree = tree_of(module(function("f", 1), function("g", 2)), lua)
    comparison = compare(tree, tree)
    assert comparison.count(Match.SAME) == len(comparison.changes) == 3
    assert comparison.a == comparison.b
    assert (comparison.a.prototypes, comparison.a.lua) == (3, lua)
    assert not any(change.hunks or change.constants_added for change in comparison.changes)


def test_functions_that_only_moved_are_the_same(matches: Callable[[str, str], Any]) -> None:
    f, g = function("f", 1), function("g", 2)
    assert matches(module(f, g), module("\n\n", g, f)) == [("same", "M.g", "M.g"), ("same", "M.f", "M.f")]


def test_a_changed_function_keeps_its_partner(matches: Callable[[str, str], Any]) -> None:
    a, b = module(function("f", 1), function("g", 2)), module(function("f", 1), function("g", 7))
    assert matches(a, b) == [("same", "M.f", "M.f"), ("changed", "M.g", "M.g")]


def test_added_and_removed_functions_stand_where_they_belong(matches: Callable[[str, str], Any]) -> None:
    f, g, h = function("f", 1), function("g", 2), function("h", 3)
    kept = [("same", "M.f", "M.f"), ("same", "M.h", "M.h")]
    assert matches(module(f, h), module(f, g, h)) == [kept[0], ("added", None, "M.g"), kept[1]]
    assert matches(module(f, g, h), module(f, h)) == [kept[0], ("removed", "M.g", None), kept[1]]


def test_a_small_function_is_not_taken_for_another_of_another_name(matches: Callable[[str, str], Any]) -> None:
    a, b = module("function M.old() end\n"), module("function M.new() end\n")
    assert matches(a, b) == [("removed", "M.old", None), ("added", None, "M.new")]


def test_a_renamed_function_is_found_by_its_content(matches: Callable[[str, str], Any]) -> None:
    assert matches(module(function("old", 5)), module(function("new", 5))) == [("same", "M.old", "M.new")]


def test_a_function_that_moved_into_another_is_found(matches: Callable[[str, str], Any]) -> None:
    outer = "function M.setup()\n" + function("f", 1) + "end\n"
    assert ("same", "M.f", "M.f") in matches(module(function("f", 1)), module(outer))


def test_functions_without_names_are_matched_by_content_and_lines(matches: Callable[[str, str], Any]) -> None:
    a = "return {\n  function(x) return x + 1 end,\n  function(x) return x .. 'a' end,\n}"
    b = "return {\n  function(x) return x .. 'b' end,\n  function(x) return x .. 'a' end,\n  function() end,\n}"
    assert [match for match, _, _ in matches(a, b)] == ["changed", "same", "added"]


def test_hunks_say_what_was_replaced(tree_of: Compile) -> None:
    a = tree_of("local t = {}\nt.size = 1\nt.name = 'old'\nreturn t")
    b = tree_of("local t = {}\nt.size = 1\nt.name = 'new'\nreturn t")
    [change] = compare(a, b).changes
    [hunk] = change.hunks
    assert (hunk.removed, hunk.added) == (('SETFIELD 0 "name" "old"',), ('SETFIELD 0 "name" "new"',))
    assert a.root.code[hunk.a_pc - 1].line == b.root.code[hunk.b_pc - 1].line == 3
    assert (change.constants_removed, change.constants_added) == (('"old"',), ('"new"',))
    assert 0.5 < change.similarity < 1.0


def test_numbers_of_constants_and_upvalues_do_not_make_a_difference(tree_of: Compile, lua: LuaVersion) -> None:
    a = tree_of("local t = {}\nt.b = 'x'\nt.c = t.b\nreturn t", lua)
    b = tree_of("local t = {}\nt.a = 'y'\nt.b = 'x'\nt.c = t.b\nreturn t", lua)
    [change] = compare(a, b).changes
    assert [hunk.removed for hunk in change.hunks] == [()]
    added = 2 if "jit" in lua else 1  # LuaJIT loads the string first
    assert sum(len(hunk.added) for hunk in change.hunks) == added


def test_bytes_before_and_after(tree_of: Compile, lua: LuaVersion) -> None:
    a, b = tree_of("return 1", lua), tree_of("local t = { 1, 2, 3 }\nreturn t, t", lua)
    comparison = compare(a, b)
    [change] = comparison.changes
    assert (change.a.size, change.b.size) == (a.root.size, b.root.size)
    assert (comparison.a.size, comparison.b.size) == (a.root.size, b.root.size)
    assert comparison.b.instructions == len(b.root.code) > comparison.a.instructions


def test_one_file_under_two_luas_is_matched_by_its_lines(tree_of: Compile) -> None:
    source = module(function("f", 1), function("g", 2)) + "-- end\n"
    source = source.replace("return M\n", "M.list = { function() end,\n function() return 1 end }\nreturn M\n")
    comparison = compare(tree_of(source, LuaVersion.LUA51), tree_of(source, LuaVersion.LUA55))
    assert {(change.a.line, change.a.name) for change in comparison.changes} == {
        (change.b.line, change.b.name) for change in comparison.changes
    }
    assert all(change.a.line == change.b.line for change in comparison.changes)
    assert "different instructions" in comparison.notice


def test_a_comparison_survives_the_protocol(tree_of: Compile, lua: LuaVersion) -> None:
    comparison = compare(tree_of(module(function("f", 1)), lua), tree_of(module(function("f", 2)), lua))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(comparison), type=Comparison) == comparison


def test_very_long_functions_are_compared_where_they_differ(tree_of: Compile) -> None:
    lines = [f"t[{number % 50}] = {number}.25" for number in range(4000)]
    edited = [*lines[:1000], "t.x = 1", *lines[1000:3000], *lines[3500:]]
    a, b = (tree_of("local t = {}\n" + "\n".join(each)) for each in (lines, edited))
    [change] = compare(a, b).changes
    assert not change.coarse
    assert change.similarity > 0.9


def test_long_stretches_that_nothing_holds_together_are_left_as_one() -> None:
    a, b = ["x", *["a", "b"] * 1000, "y"], ["x", *["b", "c", "a"] * 800, "y"]
    spans, coarse = differences(a, b)
    assert coarse
    assert spans == [(1, len(a) - 1, 1, len(b) - 1)]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_replacing_the_spans_of_one_side_gives_the_other(a: list[str], b: list[str]) -> None:
    spans, coarse = differences(a, b)
    assert not coarse
    rebuilt = list(a)
    for span in reversed(spans):
        rebuilt[span.a_from : span.a_to] = b[span.b_from : span.b_to]
    assert rebuilt == b
    assert all(span.a_from < span.a_to or span.b_from < span.b_to for span in spans)
    assert spans == sorted(spans)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("3.141592653589793", "3.14159265358979"),
        ("9007199254740992.0", "9007199254740994.0"),
        ("0.1", "0.10000000000000002"),
        ("1e308 * 10", "-1e308 * 10"),
    ],
)
def test_floats_are_compared_by_value(tree_of: Compile, lua: LuaVersion, a: str, b: str) -> None:
    [change] = compare(tree_of(f"local x = {a} return x", lua), tree_of(f"local x = {b} return x", lua)).changes
    assert change.match is Match.CHANGED


@pytest.mark.parametrize("lua", [LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55])
@pytest.mark.parametrize(("a", "b"), [("1", "1.0"), ("0.0", "-0.0"), ("1 << 53", "2.0 ^ 53")])
def test_integers_and_floats_differ(tree_of: Compile, lua: LuaVersion, a: str, b: str) -> None:
    [change] = compare(tree_of(f"local x = {a} return x", lua), tree_of(f"local x = {b} return x", lua)).changes
    assert change.match is Match.CHANGED
