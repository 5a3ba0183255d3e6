"""Programs of any shape: what was written into them is what is found in them, and nothing makes the analysis fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope import bytecode
from moonscope.analysis.compare import compare
from moonscope.analysis.globals import file_state
from moonscope.analysis.values import Kind, Match
from moonscope.analysis.verdict import judge
from moonscope.errors import BytecodeError
from moonscope.model import LuaVersion

from ..bytecode import fuzz
from .conftest import Compile

READ_NAMES = st.sampled_from(["r1", "r2", "r3"])
WRITE_NAMES = st.sampled_from(["w1", "w2", "w3"])
KEPT_FIXTURES = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def simple(draw: st.DrawFn) -> str:
    target = draw(st.one_of(WRITE_NAMES, WRITE_NAMES.map("_G.{}".format), WRITE_NAMES.map("g.{}".format), st.just("l")))
    value = draw(st.one_of(READ_NAMES, READ_NAMES.map("_G.{}".format), READ_NAMES.map("g.{}".format), st.just("l")))
    form = draw(st.sampled_from(["{t} = {v}", "{t} = l and {v} or 1", "{t} = {{ {v} }}", "{t} = not {v} .. l"]))
    return form.format(t=target, v=value)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    forms = [
        "do {} end",
        "if l then {} end",
        "if l then {} else {} end",
        "while l do {} end",
        "repeat {} until l",
        "for i = 1, 3 do {} end",
        "for k, v in l do {} end",
        "local function f(a, ...) {} end",
        "l = function() {} end",
        "while l do if l then break end {} end",
    ]
    body = st.lists(inner, min_size=1, max_size=3).map(";".join)
    return st.tuples(st.sampled_from(forms), body, body).map(lambda parts: parts[0].format(*parts[1:]))


PROGRAMS = st.lists(st.recursive(simple(), blocks, max_leaves=12), min_size=1, max_size=4).map(
    lambda statements: "local l, g = 1, _G\n" + "\n".join(statements)
)


def words(source: str, letter: str) -> set[str]:
    return {f"{letter}{number}" for number in (1, 2, 3) if f"{letter}{number}" in source}


@pytest.mark.slow
@pytest.mark.parametrize("lua", LuaVersion)
@KEPT_FIXTURES
@given(source=PROGRAMS)
def test_what_a_program_reads_and_writes_is_found(tree_of: Compile, lua: LuaVersion, source: str) -> None:
    accesses = [each for prototype in file_state(tree_of(source, lua)).prototypes for each in prototype.accesses]
    assert {each.name for each in accesses if each.kind is Kind.WRITES_GLOBAL} == words(source, "w")
    assert {each.name for each in accesses if each.kind is Kind.READS_GLOBAL} == words(source, "r")
    assert {each.kind for each in accesses} <= {Kind.WRITES_GLOBAL, Kind.READS_GLOBAL, Kind.READS_STANDARD}


@pytest.mark.slow
@pytest.mark.parametrize("lua", LuaVersion)
@KEPT_FIXTURES
@given(source=PROGRAMS, lines=st.integers(1, 5))
def test_a_program_moved_down_is_the_same_program(tree_of: Compile, lua: LuaVersion, source: str, lines: Any) -> None:
    comparison = compare(tree_of(source, lua), tree_of("\n" * lines + source, lua))
    assert {change.match for change in comparison.changes} == {Match.SAME}


@pytest.mark.slow
@pytest.mark.parametrize("lua", LuaVersion)
@KEPT_FIXTURES
@given(source=PROGRAMS, other=PROGRAMS)
def test_every_prototype_is_in_a_comparison_once(tree_of: Compile, lua: LuaVersion, source: str, other: str) -> None:
    a, b = tree_of(source, lua), tree_of(other, lua)
    comparison = compare(a, b)
    on_a = [change.a.path for change in comparison.changes if change.a]
    on_b = [change.b.path for change in comparison.changes if change.b]
    assert (len(on_a), len(on_b)) == (a.root.total, b.root.total)
    assert (len(set(on_a)), len(set(on_b))) == (a.root.total, b.root.total)
    assert on_b == sorted(on_b)


@pytest.mark.parametrize("lua", LuaVersion)
@settings(max_examples=200)
@given(data=st.data())
def test_damaged_code_that_can_be_read_can_be_analysed(lua: LuaVersion, data: st.DataObject) -> None:
    chunk = bytearray(data.draw(st.sampled_from(fuzz.dumps(lua))))
    for _ in range(data.draw(st.integers(1, 5))):
        chunk[data.draw(st.integers(0, len(chunk) - 1))] = data.draw(st.integers(0, 255))
    try:
        tree = bytecode.read(bytes(chunk), lua)
    except BytecodeError:
        return
    judge(tree)
    assert {change.match for change in compare(tree, tree).changes} == {Match.SAME}
