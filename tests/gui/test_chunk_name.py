"""Names of chunks: a script may give any, and each is shown in a line."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonscope.model import FunctionKind, LookEntry, LookFunction, LookStep, StepKind
from moonscope_gui.state import chunk_name, look_text

names = st.text() | st.builds("{}{}".format, st.sampled_from(["@", "=", "@@", "\n", "@\n", "=\r\n", "@/"]), st.text())


@pytest.mark.parametrize(
    ("source", "whole", "short"),
    [
        ("@/srv/a.lua", "/srv/a.lua", "a.lua"),
        (r"@C:\lua\a.lua", r"C:\lua\a.lua", "a.lua"),
        ("@/srv/@a.lua", "/srv/@a.lua", "@a.lua"),
        ("@/srv/", "/srv/", "/srv/"),
        ("@a\nb.lua", "a\N{RETURN SYMBOL}b.lua", "a\N{RETURN SYMBOL}b.lua"),
        ("=console", "console", "console"),
        ("=[C]", "[C]", "[C]"),
        ("=", "?", "?"),
        ("@", "?", "?"),
        ("@\n", "?", "?"),
        ("", '""', '""'),
        ("\n", '"…"', '"…"'),
        ("return 1", '"return 1"', '"return 1"'),
        ("x = 1\ny = 2", '"x = 1…"', '"x = 1…"'),
    ],
)
def test_a_name_is_shown_as_lua_means_it(source: str, whole: str, short: str) -> None:
    assert (chunk_name.whole(source), chunk_name.short(source)) == (whole, short)


@given(names)
@example("=")
@example("@")
@example("")
def test_any_name_is_one_line_that_is_not_empty(source: str) -> None:
    for shown in (chunk_name.whole(source), chunk_name.short(source)):
        assert shown.splitlines() == [shown]


@given(names, st.integers(0, 9), st.sampled_from(FunctionKind))
def test_a_function_of_any_chunk_can_be_told(source: str, line: int, kind: FunctionKind) -> None:
    function = LookFunction(kind=kind, source=source, line=line, last_line=line)
    entry = LookEntry(step=LookStep(StepKind.GLOBALS), key="f", value="function: 0x1", type="function",
                      function=function)  # fmt: skip
    assert look_text.value_of(entry)
    assert look_text.tip_of(entry)
    assert look_text.place(source, line, line)


@given(st.text())
def test_a_text_has_a_first_line_even_when_it_is_empty(text: str) -> None:
    assert text.startswith(chunk_name.first_line(text))
    assert len(chunk_name.first_line(text).splitlines()) <= 1
