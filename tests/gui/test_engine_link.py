"""The link: a real host, and everything it says arrives in the GUI thread as long as somebody is there to hear it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from moonscope.commands import Command, InspectFile, Load, RunChunk, Spawn
from moonscope.errors import BytecodeError, CancelledError, ConnectionLost, UsageError
from moonscope.model import NO_CONTEXT, Chunk, LuaVersion
from moonscope_gui.link import task
from moonscope_gui.link.engine_link import EngineLink
from moonscope_gui.link.task import Task, ask, read

PATIENCE_MS = 30_000


@pytest.fixture
def link(qtbot: QtBot) -> Iterator[EngineLink]:
    link = EngineLink()
    yield link
    link.close()


@pytest.fixture
def connected(link: EngineLink, qtbot: QtBot) -> EngineLink:
    with qtbot.waitSignal(link.connected, timeout=PATIENCE_MS):
        link.start_host()
    return link


class Answers(QObject):
    """Collects what a request is answered with, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Any] = []
        self.errors: list[Exception] = []
        self.threads: set[threading.Thread] = set()

    def done(self, result: Any) -> None:
        self.threads.add(threading.current_thread())
        self.results.append(result)

    def failed(self, error: Exception) -> None:
        self.threads.add(threading.current_thread())
        self.errors.append(error)

    @property
    def count(self) -> int:
        return len(self.results) + len(self.errors)


def request(link: EngineLink, command: Command[Any], answers: Answers) -> Task:
    task = Task(link, link)
    task.start(ask(command), answers.done, answers.failed)
    return task


def host_pids() -> set[int]:
    return {child.pid for child in psutil.Process().children() if is_host(child)}


def is_host(process: psutil.Process) -> bool:
    try:
        return "moonscope.host" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


@pytest.mark.slow
def test_the_first_update_is_a_snapshot(link: EngineLink, qtbot: QtBot) -> None:
    with qtbot.waitSignal(link.updated, timeout=PATIENCE_MS) as first:
        link.start_host()
    update = first.args[0]
    assert update.since == 0
    assert update.settings.pid in host_pids()


@pytest.mark.slow
def test_a_chunk_arrives_as_the_tree_read_from_it(connected: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("return function() end\n")
    answers = Answers()
    Task(connected, connected).start(read(InspectFile(path=str(tmp_path / "a.lua"))), answers.done, answers.failed)
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert answers.results[0].root.total == 2
    assert answers.threads == {threading.main_thread()}


def test_bytes_that_are_no_chunk_are_an_error_in_words() -> None:
    """A host may be of any make."""
    with pytest.raises(BytecodeError):
        task._tree_of(Chunk(LuaVersion.LUA54, "a.lua", b"nonsense"), NO_CONTEXT)


@pytest.mark.slow
def test_a_chunk_that_came_is_not_read_when_it_is_not_wanted_any_more(
    connected: EngineLink, qtbot: QtBot, tmp_path: Path
) -> None:
    functions = "".join(f"function f{n}() return {n} end\n" for n in range(3000))
    (tmp_path / "a.lua").write_text(functions)
    answers = Answers()
    reading = Task(connected, connected)
    reading.start(read(InspectFile(path=str(tmp_path / "a.lua"))), answers.done, answers.failed)
    reading.cancel()
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert isinstance(answers.errors[0], CancelledError)


@pytest.mark.slow
def test_a_stopped_host_is_noticed_and_so_is_that_it_goes_on(connected: EngineLink, qtbot: QtBot) -> None:
    (pid,) = host_pids()
    with qtbot.waitSignal(connected.answering, timeout=PATIENCE_MS) as silence:
        os.kill(pid, signal.SIGSTOP)
    assert silence.args == [False]
    assert connected.is_connected
    with qtbot.waitSignal(connected.answering, timeout=PATIENCE_MS) as answer:
        os.kill(pid, signal.SIGCONT)
    assert answer.args == [True]


@pytest.mark.slow
def test_answers_come_in_the_gui_thread(connected: EngineLink, qtbot: QtBot) -> None:
    answers = Answers()
    request(connected, Spawn(count=3), answers)
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert answers.threads == {threading.main_thread()}


@pytest.mark.slow
def test_what_the_engine_refuses_is_an_error_in_words(connected: EngineLink, qtbot: QtBot) -> None:
    answers = Answers()
    request(connected, Load(paths=("x.lua",)), answers)
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert isinstance(answers.errors[0], UsageError)
    assert "spawn one first" in str(answers.errors[0])


def test_without_an_engine_a_request_fails_but_never_at_once(link: EngineLink, qtbot: QtBot) -> None:
    answers = Answers()
    request(link, Spawn(), answers)
    assert answers.count == 0
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert isinstance(answers.errors[0], ConnectionLost)


@pytest.mark.slow
def test_an_answer_to_somebody_who_is_gone_is_dropped(connected: EngineLink, qtbot: QtBot) -> None:
    gone, there = Answers(), Answers()
    request(connected, Spawn(), gone)
    shiboken6.delete(gone)
    request(connected, Spawn(), there)
    qtbot.waitUntil(lambda: there.count == 1, timeout=PATIENCE_MS)
    assert gone.results == []


@pytest.mark.slow
def test_a_cancelled_request_ends_as_cancelled(connected: EngineLink, qtbot: QtBot) -> None:
    spawned, answers = Answers(), Answers()
    request(connected, Spawn(), spawned)
    qtbot.waitUntil(lambda: spawned.count == 1, timeout=PATIENCE_MS)
    loop = RunChunk(vms=spawned.results[0].vms, source="while true do end")
    request(connected, loop, answers).cancel()
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert isinstance(answers.errors[0], CancelledError)


@pytest.mark.slow
def test_a_killed_host_is_told_with_its_reason_and_answers_nothing_more(connected: EngineLink, qtbot: QtBot) -> None:
    spawned, answers = Answers(), Answers()
    request(connected, Spawn(), spawned)
    qtbot.waitUntil(lambda: spawned.count == 1, timeout=PATIENCE_MS)
    request(connected, RunChunk(vms=(), source="while true do end"), answers)
    (pid,) = host_pids()
    with qtbot.waitSignal(connected.lost, timeout=PATIENCE_MS) as lost:
        os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    assert "signal 9" in lost.args[0]
    assert isinstance(answers.errors[0], ConnectionLost)
    assert not connected.is_connected


@pytest.mark.slow
def test_a_restart_after_a_loss_gives_an_empty_engine(connected: EngineLink, qtbot: QtBot) -> None:
    (pid,) = host_pids()
    with qtbot.waitSignal(connected.lost, timeout=PATIENCE_MS):
        os.kill(pid, signal.SIGKILL)
    with qtbot.waitSignal(connected.updated, timeout=PATIENCE_MS) as first:
        connected.restart()
    assert first.args[0].since == 0
    assert first.args[0].vms == ()


@pytest.mark.slow
def test_a_restart_ends_the_old_host_and_hears_it_no_more(connected: EngineLink, qtbot: QtBot) -> None:
    (old,) = host_pids()
    losses = list[str]()
    connected.lost.connect(lambda reason, _: losses.append(reason))
    with qtbot.waitSignal(connected.connected, timeout=PATIENCE_MS):
        connected.restart()
    qtbot.waitUntil(lambda: old not in host_pids(), timeout=PATIENCE_MS)
    assert losses == []


@pytest.mark.slow
def test_closing_while_the_host_starts_leaves_no_process(link: EngineLink, qtbot: QtBot) -> None:
    link.start_host()
    qtbot.waitUntil(lambda: bool(host_pids()), timeout=PATIENCE_MS)
    link.close()
    qtbot.waitUntil(lambda: not host_pids(), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_two_links_on_one_host_see_the_same(connected: EngineLink, qtbot: QtBot) -> None:
    assert connected._host is not None
    second, answers = EngineLink(), Answers()
    with qtbot.waitSignal(second.connected, timeout=PATIENCE_MS):
        second.attach(connected._host.address)
    seen = set[int]()
    connected.updated.connect(lambda update: seen.update(row.id for row in update.vms))
    request(second, Spawn(count=2), answers)
    qtbot.waitUntil(lambda: answers.count == 1 and seen >= set(answers.results[0].vms), timeout=PATIENCE_MS)
    second.close()


def test_an_address_where_nobody_listens_is_told(link: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(link.lost, timeout=PATIENCE_MS) as lost:
        link.attach(f"unix:{tmp_path / 'nobody'}")
    assert "nobody" in lost.args[0]


@pytest.mark.slow
def test_a_paused_view_hears_everything_later_at_once(connected: EngineLink, qtbot: QtBot) -> None:
    answers, updates = Answers(), list[Any]()
    connected.set_paused(True)
    connected.updated.connect(updates.append)
    request(connected, Spawn(count=2), answers)
    qtbot.waitUntil(lambda: answers.count == 1, timeout=PATIENCE_MS)
    ran = Answers()
    request(connected, RunChunk(vms=(), source="return 1"), ran)
    qtbot.waitUntil(lambda: ran.count == 1, timeout=PATIENCE_MS)
    assert updates == []
    connected.set_paused(False)
    qtbot.waitUntil(
        lambda: {row.id for update in updates for row in update.vms} == set(answers.results[0].vms),
        timeout=PATIENCE_MS,
    )
