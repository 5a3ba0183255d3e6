"""The status bar: totals, rates, and nothing that outlives the engine it came from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from moonscope.model import CacheMode, Counters, LuaVersion, Sample, Settings, Sharing, Tier, Update, VMRow, VMState
from moonscope_gui.app.status import Rates, StatusBar
from moonscope_gui.link.context import Context
from moonscope_gui.link.engine_link import EngineLink
from moonscope_gui.link.task import Task
from moonscope_gui.state import tiers
from moonscope_gui.state.settings import WindowSettings


def sample(time: float, hits: int, **more: int) -> Sample:
    return Sample(time=time, counters=Counters(hits=hits), **more)


def test_rates_are_those_of_the_last_seconds() -> None:
    rates = Rates()
    rates.add([sample(0.0, 0), sample(1.0, 1000)])
    assert rates.of("hits") == 1000
    rates.add([sample(t, 1000 + 10 * t) for t in (5, 6, 7)])
    assert rates.of("hits") == 10


def test_one_sample_gives_no_rate() -> None:
    rates = Rates()
    rates.add([sample(1.0, 5)])
    assert rates.of("hits") == 0


@pytest.fixture
def context(qtbot: QtBot, settings: WindowSettings) -> Iterator[Context]:
    """What a status bar shows, without a window around it."""
    window = QWidget()
    qtbot.addWidget(window)
    yield Context(window, EngineLink(window), settings)


def status_with(context: Context, last: Sample) -> StatusBar:
    bar = StatusBar(context)
    context.state.apply(Update(revision=1, samples=(last,)))
    return bar


def test_memory_is_shown_with_what_was_saved(context: Context) -> None:
    bar = status_with(context, sample(1.0, 0, shared_bytes=1024, private_bytes=2048, unshared_bytes=8192))
    assert bar._memory.text() == "shared 1.00 KiB, private 2.00 KiB, unshared 8.00 KiB, saved 5.00 KiB"


def test_dropped_events_are_shown_only_when_there_are_some(context: Context) -> None:
    assert status_with(context, sample(1.0, 0))._dropped.isHidden()
    assert status_with(context, sample(1.0, 0, dropped=3))._dropped.text() == "3 events dropped"


def test_a_host_that_does_not_answer_is_named_until_it_does(context: Context) -> None:
    bar = status_with(context, sample(1.0, 0))
    bar.show_connection("host 7", "running")
    bar.show_answering(False)
    assert bar.connection.text().endswith("host 7: not answering")
    bar.show_answering(True)
    assert bar.connection.text().endswith("host 7")
    assert bar.note.text() == "The host answers again"


def test_an_engine_that_is_gone_leaves_no_numbers(context: Context) -> None:
    bar = status_with(context, sample(1.0, 7, shared_bytes=1024))
    bar.forget()
    assert bar._loads.text() == bar._memory.text() == ""


def test_long_texts_never_make_the_window_wider(context: Context) -> None:
    bar = status_with(context, sample(1.0, 10**12, shared_bytes=2**50, private_bytes=2**50))
    bar.show_note("short")
    narrow = bar.minimumSizeHint().width()
    bar.show_note("/a/very/long/name" * 50)
    assert bar.minimumSizeHint().width() == narrow


def test_the_newest_work_is_shown_and_cancelled_and_the_rest_counted(context: Context, qtbot: QtBot) -> None:
    bar = status_with(context, sample(1.0, 0))
    bar.show()
    first, second = Task(title="First"), Task(title="Second")
    second.done, second.total = 3, 12
    cancelled: list[Task] = []
    second.cancel = lambda: cancelled.append(second)  # type: ignore[method-assign]
    bar.show_tasks([first, second])
    qtbot.waitUntil(lambda: bar.note.text() == "Second 3 of 12 (and 1 more)")
    bar._cancel.click()
    assert cancelled == [second]
    bar.show_tasks([])
    assert bar.note.text() == ""
    assert bar._cancel.isHidden()


def vm(id: int, lua: LuaVersion, tier: Tier) -> VMRow:
    return VMRow(id=id, lua=lua, state=VMState.IDLE, mode=CacheMode.ON, tier=tier)


def test_the_tier_in_force_is_shown_and_why_it_is_not_a_better_one(context: Context) -> None:
    bar, state = StatusBar(context), context.state
    settings = Settings(
        tiers=((LuaVersion.LUA51, Tier.BYTECODE, "only 5.4 can share"), (LuaVersion.LUA54, Tier.GRAFT, "no runtime"))
    )
    rows = (
        vm(1, LuaVersion.LUA51, Tier.BYTECODE), vm(2, LuaVersion.LUA54, Tier.GRAFT), vm(3, LuaVersion.LUA54, Tier.OFF)
    )  # fmt: skip
    state.apply(Update(revision=1, settings=settings, vms=rows))
    bar.refresh()
    assert bar._tier.text() == "tier bytecode, graft, off"
    told = bar._tier.toolTip()
    assert "1 VM of Lua 5.1: bytecode, compiled once, undumped in each VM. Why not better: only 5.4 can share." in told
    assert "1 VM of Lua 5.4: off, loaded plainly in each VM. It was asked for; graft can be had." in told
    offer = tiers.on_offer(state, LuaVersion.LUA54)
    assert offer.startswith("The best here for Lua 5.4 is graft")
    assert "VMs of Lua 5.4 share by graft now" in offer
    state.apply(Update(revision=2, since=1, settings=msgspec.structs.replace(settings, default_sharing=Sharing.OFF)))
    assert "This engine was started with off" in tiers.on_offer(state, LuaVersion.LUA54)


def test_vms_that_are_served_by_graft_on_conflict_are_counted_and_explained(context: Context) -> None:
    bar, state = StatusBar(context), context.state
    rows = [vm(id, LuaVersion.LUA54, Tier.DIRECT) for id in (1, 2, 3)]
    state.apply(Update(revision=1, vms=(*rows[:2], msgspec.structs.replace(rows[2], generations=5, conflicts=2))))
    bar.refresh()
    assert bar._tier.text() == "tier direct (1 VM partly by graft)"
    assert "In 1 VM of them some files by graft: the VM had words of its own" in bar._tier.toolTip()
    state.apply(Update(revision=2, since=1, vms_gone=(3,)))
    bar.refresh()
    assert bar._tier.text() == "tier direct"
    assert "some files" not in bar._tier.toolTip()
