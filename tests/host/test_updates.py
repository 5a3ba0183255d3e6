"""What changes in the engine reaches every window, in order and whole, however slow another one is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.client.engine_client import EngineClient
from moonscope.commands import Collect, RunChunk
from moonscope.commands.codec import encode_command
from moonscope.host.large_updates import pushes
from moonscope.host.server import Server
from moonscope.model import CacheMode, LuaVersion, Mark, OutputEvent, RunResult, Settings, Tier, Update, VMRow, VMState
from moonscope.wire import connect
from moonscope.wire.connection import Connection
from moonscope.wire.listener import Listener
from moonscope.wire.messages import VERSION, Hello, Push, Request, Welcome, decode_from_host, encode

from .conftest import ScriptedEngine, View

DEADLINE = 20.0


def test_the_first_update_is_a_whole_snapshot(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], view: View
) -> None:
    engine.add_mark("before")
    attach(host, view)
    view.wait_for(lambda: view.updates)
    first = view.updates[0]
    assert (first.since, first.reset, first.settings) == (0, True, Settings())
    assert view.marks == ["before"]


def test_each_update_continues_the_last(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], view: View
) -> None:
    attach(host, view)
    for number in range(5):
        seen = len(view.updates)
        engine.add_mark(str(number))
        view.wait_for(lambda seen=seen: len(view.updates) > seen)
    view.wait_for(lambda: len(view.marks) == 5)
    assert view.marks == ["0", "1", "2", "3", "4"]
    assert [update.since for update in view.updates[1:]] == [update.revision for update in view.updates[:-1]]


def test_an_answer_comes_after_the_update_that_shows_what_was_done(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient], new_view: type[View]
) -> None:
    """At once, for each of two windows, however seldom Updates are sent otherwise."""

    def collect(*_: Any) -> Any:
        engine.add_mark("collected")
        return len(engine.marks)

    engine.scripts[Collect] = collect
    host = start_host(push_gap=DEADLINE * 10)
    views = [new_view(), new_view()]
    clients = [attach(host, view) for view in views]
    for number in range(1, 101):
        view, client = views[number % 2], clients[number % 2]
        assert client.request(Collect()).result(DEADLINE) == number
        assert len(view.marks) == number


def test_an_answer_that_changes_nothing_waits_for_no_update(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient], view: View
) -> None:
    client = attach(start_host(push_gap=DEADLINE * 10), view)
    view.wait_for(lambda: view.updates)
    for _ in range(3):
        assert client.request(Collect()).result(DEADLINE) == 0
    assert len(view.updates) == 1


def test_two_windows_see_the_same(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], new_view: type[View]
) -> None:
    views = [new_view(), new_view()]
    attach(host, views[0])
    engine.add_mark("one was there")
    views[0].wait_for(lambda: views[0].marks)
    attach(host, views[1])
    engine.add_mark("both were there")
    for view in views:
        view.wait_for(lambda view=view: len(view.marks) == 2)
        assert view.marks == ["one was there", "both were there"]


@pytest.mark.slow
def test_what_many_windows_are_told_is_made_once(
    engine: ScriptedEngine,
    host: Server,
    attach: Callable[..., EngineClient],
    new_view: type[View],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views = [new_view() for _ in range(10)]
    for view in views:
        attach(host, view)
        view.wait_for(lambda view=view: view.updates)
    made = []
    original = engine.changes
    monkeypatch.setattr(engine, "changes", lambda since: made.append(since) or original(since))
    for number in range(1, 21):
        engine.add_mark(str(number))
        for view in views:
            view.wait_for(lambda view=view, number=number: len(view.marks) == number)
    assert len(made) < 20 * len(views) / 2


def test_many_changes_come_as_few_updates(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient], view: View
) -> None:
    attach(start_host(push_gap=0.2), view)
    view.wait_for(lambda: view.updates)
    for number in range(1000):
        engine.add_mark(str(number))
    view.wait_for(lambda: len(view.marks) == 1000)
    assert len(view.updates) < 100


@pytest.mark.slow
def test_a_window_that_reads_nothing_keeps_no_other_waiting_and_gets_one_large_update_later(
    engine: ScriptedEngine,
    host: Server,
    attach: Callable[..., EngineClient],
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lazy = connect(host.address, timeout=DEADLINE)
    lazy.send(encode(Hello(VERSION)))
    taken = []
    original = engine.changes
    monkeypatch.setattr(engine, "changes", lambda since: taken.append(since) or original(since))
    attach(host, view)
    text = "x" * 100_000  # so that few updates fill the socket of the one who does not read
    for number in range(30):
        engine.add_mark(f"{number} {text}")
        view.wait_for(lambda number=number: len(view.marks) == number + 1)

    def next_message() -> Any:
        return decode_from_host(lazy.receive(deadline=time.monotonic() + DEADLINE))

    assert isinstance(next_message(), Welcome)
    updates = [next_message().update]
    while sum(len(update.marks) for update in updates) < 30:
        updates.append(next_message().update)
    lazy.close()
    assert [mark.serial for update in updates for mark in update.marks] == list(range(1, 31))
    assert len(updates) < len(view.updates) / 2
    assert max(len(update.marks) for update in updates) > 10


@pytest.mark.slow
def test_a_client_that_reads_no_answers_is_not_heard_until_it_does(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient]
) -> None:
    """Neither its answers nor its questions pile up in the host."""
    carried_out = threading.Semaphore(0)
    answer = (RunResult(vm=1, output="x" * 100_000),)

    def run(*_: Any) -> Any:
        carried_out.release()
        return answer

    engine.scripts[RunChunk] = run
    host = start_host(backlog_bytes=500_000)
    greedy = connect(host.address, timeout=DEADLINE)
    greedy.send(encode(Hello(VERSION)))
    request = encode_command(RUN)
    asking = threading.Thread(target=lambda: [greedy.send(encode(Request(n, request))) for n in range(2000)])
    asking.start()
    count = 0
    while carried_out.acquire(timeout=1.0):  # until the host does no more of them
        count += 1
    assert count < 1000
    assert attach(host).request(Collect()).result(DEADLINE) == 0
    answers = 0
    while answers < 2000:
        message = decode_from_host(greedy.receive(deadline=time.monotonic() + DEADLINE))
        answers += not isinstance(message, Welcome | Push)
    asking.join()
    greedy.close()


RUN = RunChunk(vms=(1,), source="return 1")


def test_an_engine_that_cannot_tell_its_state_ends_the_connection_in_words(
    engine: ScriptedEngine,
    host: Server,
    attach: Callable[..., EngineClient],
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "changes", lambda since: 1 / 0)
    attach(host, view)
    assert view.wait_until_lost() == "the host cannot read its own state: ZeroDivisionError: division by zero"


def test_a_host_that_leaves_out_changes_is_not_believed(
    impostor: Callable[..., Listener], prove_to_client: Any, attach: Callable[..., EngineClient], view: View
) -> None:
    def forgetful(connection: Connection, key: bytes) -> None:
        prove_to_client(connection, key)
        connection.receive()
        connection.send(encode(Welcome(VERSION, pid=1)))
        connection.send(encode(Push(Update(revision=5))))
        connection.send(encode(Push(Update(revision=9, since=7))))
        connection.finish(DEADLINE)

    attach(impostor(forgetful).address, view)
    assert "left out changes: revision 5 was followed by 7" in view.wait_until_lost()
    assert [update.revision for update in view.updates] == [5]


VMS = st.builds(
    VMRow,
    id=st.integers(1, 10_000),
    lua=st.sampled_from(LuaVersion),
    state=st.sampled_from(VMState),
    mode=st.sampled_from(CacheMode),
    tier=st.sampled_from(Tier),
)
OUTPUT = st.builds(OutputEvent, serial=st.just(1), time=st.just(0.0), vm=st.just(1), text=st.text())
UPDATES = st.builds(
    Update,
    revision=st.integers(10, 20),
    since=st.integers(0, 9),
    reset=st.booleans(),
    settings=st.none() | st.just(Settings()),
    vms=st.lists(VMS, max_size=20).map(tuple),
    vms_gone=st.lists(st.integers(1, 10_000), max_size=20).map(tuple),
    output=st.lists(st.builds(OutputEvent, serial=st.just(1), time=st.just(0.0), vm=st.just(1), text=st.text())).map(
        tuple
    ),
)


@given(update=UPDATES, limit=st.integers(1, 3000))
def test_a_large_update_is_sent_in_parts_that_make_the_whole(update: Update, limit: Any) -> None:
    parts = [(decode_from_host(message).update, len(message)) for message in pushes(update, limit)]
    first, *rest = [part for part, _ in parts]
    assert (first.since, first.reset, first.settings) == (update.since, update.reset, update.settings)
    assert all((part.since, part.reset, part.settings) == (update.revision, False, None) for part in rest)
    assert all(part.revision == update.revision for part in (first, *rest))
    for name in ("vms", "vms_gone", "output"):
        assert sum((getattr(part, name) for part in (first, *rest)), ()) == getattr(update, name)
    for part, size in parts:
        assert size <= limit or len(part.vms + part.vms_gone + part.output) < 2


def test_a_row_larger_than_any_message_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("moonscope.wire.messages.MAX_MESSAGE", 10_000)
    marks = tuple(Mark(serial=n, time=0.0, kind="failure", text="x" * (20_000 if n == 3 else 10)) for n in range(6))
    parts = [decode_from_host(message).update for message in pushes(Update(revision=2, since=1, marks=marks), 1000)]
    assert [mark.serial for part in parts for mark in part.marks] == [0, 1, 2, 4, 5]
    assert "too large" in caplog.text


def test_an_update_over_the_limit_reaches_the_window_whole(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient], view: View
) -> None:
    for number in range(200):
        engine.add_mark(f"{number} " + "x" * 1000)
    attach(start_host(push_bytes=20_000), view)
    view.wait_for(lambda: len(view.marks) == 200)
    assert len(view.updates) > 10
    assert [text.split()[0] for text in view.marks] == [str(number) for number in range(200)]


@pytest.mark.parametrize("address", [None, "tcp:127.0.0.1:0"])
def test_updates_arrive_over_every_kind_of_address(
    engine: ScriptedEngine,
    start_host: Callable[..., Server],
    attach: Callable[..., EngineClient],
    view: View,
    address: str,
) -> None:
    attach(start_host(address), view)
    engine.add_mark("seen")
    view.wait_for(lambda: view.marks == ["seen"])
