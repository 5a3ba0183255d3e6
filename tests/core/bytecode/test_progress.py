"""A dump can be large: reading it tells how far it is, and stops when it is not wanted any more."""

from __future__ import annotations

import time

import pytest

from moonscope.bytecode import read
from moonscope.errors import CancelledError
from moonscope.model import Context, LuaVersion

from .conftest import Dump

LUAS = list(LuaVersion)
MANY = "local M = {}\n" + "".join(f"function M.f{n}(a, b) return a .. b .. 'f{n}' end\n" for n in range(300))
LONG = "return {\n" + "".join(f"'constant {n}',\n" for n in range(4000)) + "}"


@pytest.mark.parametrize("source", [MANY, LONG], ids=["many functions", "many constants"])
@pytest.mark.parametrize("lua", LUAS)
def test_reading_stops_soon_when_it_is_cancelled(lua: LuaVersion, source: str, dump: Dump) -> None:
    """However far it is by then: it asks again and again, not at the beginning only."""
    chunk = dump(lua, source)
    asked: list[bool] = []
    read(chunk, lua, context=Context(cancelled=lambda: bool(asked.append(False))))
    assert len(asked) > 3
    for wanted in (0, len(asked) // 2, len(asked) - 1):
        answers = iter([False] * wanted + [True])
        with pytest.raises(CancelledError, match="cancelled"):
            read(chunk, lua, context=Context(cancelled=lambda answers=answers: next(answers)))


@pytest.mark.parametrize("lua", LUAS)
def test_progress_grows_up_to_the_total(lua: LuaVersion, dump: Dump, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))  # a second passes from each look at it to the next
    steps: list[tuple[int, int, str]] = []
    read(dump(lua, MANY), lua, context=Context(lambda *step: steps.append(step)))
    done = [step[0] for step in steps]
    assert len(done) > 300
    assert done == sorted(done)
    assert 0 <= done[0] <= done[-1] <= steps[0][1]
    assert {step[1:] for step in steps} == {(steps[0][1], "reading")}


def test_a_short_reading_reports_nothing(dump: Dump) -> None:
    context = Context(lambda *step: pytest.fail(f"told {step}"))
    read(dump(LuaVersion.LUA54, "return 1"), LuaVersion.LUA54, context=context)
