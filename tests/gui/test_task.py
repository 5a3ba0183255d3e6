"""Work in the background: steps that are taken one after the other, cancelled, dropped and started anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from moonscope.commands import Close, Spawn
from moonscope.errors import CancelledError, MoonscopeError, UsageError
from moonscope.model import Context
from moonscope_gui.link.task import InThread, Steps, Task, ask, in_thread

PATIENCE_MS = 30_000
Person = Any  # of conftest.py
Waits = Callable[[Callable[[], bool]], None]


@pytest.fixture
def waits(qtbot: QtBot) -> Waits:
    return lambda condition: qtbot.waitUntil(condition, timeout=PATIENCE_MS)


def test_a_function_runs_in_another_thread_and_its_result_comes_in_this_one(qapp: object, waits: Waits) -> None:
    results: list[tuple[threading.Thread, threading.Thread]] = []
    task = Task()
    task.start(in_thread(threading.current_thread), lambda ran: results.append((ran, threading.current_thread())))
    assert task.is_running
    waits(lambda: not task.is_running)
    [(ran, told)] = results
    assert ran is not told is threading.main_thread()


def test_each_step_is_sent_what_the_one_before_came_to(qapp: object, waits: Waits) -> None:
    seen: list[int] = []

    def steps() -> Steps[int]:
        first = yield from in_thread(lambda: 20)
        yield lambda: bool(seen)
        second = yield from in_thread(lambda number: number + 1, first)
        return 2 * second

    task = Task()
    task.start(steps(), seen.append)
    seen.append(0)  # the condition
    waits(lambda: not task.is_running)
    assert seen == [0, 42]


def test_an_error_is_raised_where_the_step_was_taken(qapp: object, waits: Waits) -> None:
    def refuse() -> None:
        raise UsageError("there is nothing to do")

    def steps() -> Steps[str]:
        try:
            yield from in_thread(refuse)
        except UsageError as error:
            return str(error)
        return ""

    results: list[str] = []
    errors: list[MoonscopeError] = []
    task = Task()
    task.start(steps(), results.append)
    waits(lambda: not task.is_running)
    assert results == ["there is nothing to do"]
    task.start(in_thread(refuse), results.append, errors.append)
    waits(lambda: not task.is_running)
    assert [str(error) for error in errors] == ["there is nothing to do"]


def test_what_is_started_anew_drops_what_is_under_way(qapp: object, waits: Waits) -> None:
    go, done = threading.Event(), threading.Event()
    results: list[str] = []
    closed: list[bool] = []

    def steps() -> Steps[str]:
        try:
            return (yield InThread(lambda context: str(go.wait(30) and context.cancelled())))
        finally:
            closed.append(True)

    task = Task()
    task.start(steps(), results.append)
    task.start(in_thread(lambda: "newer"), results.append)
    assert closed == [True]
    waits(lambda: not task.is_running)
    go.set()
    task.start(in_thread(done.set), lambda _: results.append("last"))
    waits(lambda: not task.is_running)
    assert results == ["newer", "last"]


def test_a_function_that_is_cancelled_is_told_and_the_steps_clean_up(qapp: object, waits: Waits) -> None:
    started = threading.Event()
    cleaned: list[str] = []
    errors: list[MoonscopeError] = []

    def work(context: Context) -> None:
        started.set()
        while True:
            context.check("count")

    def steps() -> Steps[None]:
        try:
            yield InThread(work)
        except CancelledError:
            cleaned.append((yield from in_thread(lambda: "cleaned up")))
            raise

    task = Task()
    task.start(steps(), cleaned.append, errors.append)
    waits(started.is_set)
    task.cancel()
    waits(lambda: not task.is_running)
    assert cleaned == ["cleaned up"]
    assert [type(error) for error in errors] == [CancelledError]


def test_waiting_for_a_condition_is_cancelled_at_once(qapp: object) -> None:
    def steps() -> Steps[None]:
        yield lambda: False

    errors: list[MoonscopeError] = []
    task = Task()
    task.start(steps(), errors.append, errors.append)
    task.cancel()
    assert [type(error) for error in errors] == [CancelledError]
    assert not task.is_running


class Receiver(QObject):
    """Something that a result is for, and that may be gone by then."""

    def __init__(self, results: list[str]) -> None:
        super().__init__()
        self.results = results

    def take(self, *values: str) -> None:
        self.results.append(" ".join(values))


def test_what_is_for_somebody_who_is_gone_is_dropped(qapp: object, waits: Waits) -> None:
    results: list[str] = []
    receiver = Receiver(results)
    tasks = Task(), Task()
    tasks[0].start(in_thread(str), receiver.take)
    tasks[1].start(in_thread(str), partial(receiver.take, "with an argument"))
    shiboken6.delete(receiver)
    waits(lambda: not any(task.is_running for task in tasks))
    assert results == []


def test_how_far_a_function_is_can_be_seen(qapp: object, waits: Waits) -> None:
    def work(context: Context) -> None:
        context.progress(3, 5 << 40, "reading")

    seen: list[tuple[int, int, str]] = []
    task = Task()
    task.changed.connect(lambda: seen.append((task.done, task.total, task.text)))

    def steps() -> Steps[None]:
        yield InThread(work)

    task.start(steps(), lambda _: None)
    waits(lambda: not task.is_running)
    assert seen == [(3, 5 << 40, "reading")]


@pytest.mark.slow
def test_what_must_be_done_as_a_whole_is_not_cut_off(person: Person) -> None:
    """Cancelled while it closes its VMs, a task closes them all, and takes no further step."""
    vms = tuple(person.spawns(20))
    ended: list[object] = []
    taken: list[str] = []

    def steps() -> Steps[None]:
        yield from ask(Close(vms=vms), whole=True)
        taken.append("another step")
        yield from ask(Spawn(count=1))
        taken.append("and another")

    person.window.tasks.start("Close them", steps(), ended.append, ended.append).cancel()
    person.waits_until(lambda: bool(ended))
    assert isinstance(ended[0], CancelledError)
    assert taken == ["another step"]
    person.waits_until(lambda: not set(vms) & set(person.window.state.vms))


@pytest.mark.slow
def test_a_fault_in_the_steps_is_told_and_raised(person: Person, qtbot: QtBot) -> None:
    ended: list[object] = []

    def steps() -> Steps[None]:
        yield from ask(Spawn(count=1))
        raise ValueError("no number")

    with qtbot.captureExceptions() as raised:
        person.window.tasks.start("Fail", steps(), ended.append, ended.append)
        person.waits_until(lambda: bool(ended))
    assert str(ended[0]) == "ValueError: no number"
    assert [kind for kind, _, _ in raised] == [ValueError]
