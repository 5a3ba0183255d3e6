"""Commands of a client: carried out side by side, stoppable, and answered whatever happens."""

from __future__ import annotations

import threading
import time

import pytest

from moonscope.errors import (
    CancelledError,
    ConnectionLost,
    MoonscopeError,
    NotFoundError,
    ProtocolError,
    UsageError,
)
from moonscope.model import RunResult
from moonscope.protocol import (
    Clear,
    Close,
    Collect,
    Done,
    Holders,
    Inspect,
    Interrupt,
    Load,
    RunChunk,
    Runs,
    SetMode,
    Spawn,
)

DEADLINE = 20.0


class Endless:
    """A command that runs until it is cancelled, as a VM in an endless loop does."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self._released = threading.Event()

    def __call__(self, command, progress, cancelled):
        progress(0, 1, "")
        self.running.release()
        while not self._released.wait(0.01):
            if cancelled():
                self.ended.release()
                raise CancelledError("the run was cancelled")
        return Done(1)

    def wait_until_running(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.running.acquire(timeout=DEADLINE)

    def wait_until_cancelled(self) -> None:
        assert self.ended.acquire(timeout=DEADLINE)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def endless(engine):
    """`RunChunk` never ends by itself."""
    script = Endless()
    engine.scripts[RunChunk] = script
    yield script
    script.release()


RUN = RunChunk(vms=(1,), source="while true do end")


def test_a_result_comes_back_as_it_was(engine, host, attach):
    result = Runs((RunResult(vm=3, values=("42", '"text"'), output="línea\n"),))
    engine.scripts[RunChunk] = lambda *_: result
    assert attach(host).request(RUN).result(DEADLINE) == result


def test_what_was_asked_is_what_the_engine_gets(engine, host, attach):
    asked = []
    engine.scripts[Clear] = lambda command, *_: asked.append(command) or Done(0)
    command = Clear(keys=("a b.lua", "中.lua", "quote'\n.lua"), dry_run=True)
    attach(host).request(command).result(DEADLINE)
    assert asked == [command]


@pytest.mark.parametrize(
    "error", [NotFoundError("no VM 7"), UsageError("count must be 1 or more"), CancelledError("x")]
)
def test_an_error_of_the_engine_arrives_as_the_same_error(engine, host, attach, error):
    def fail(*_):
        raise error

    engine.scripts[Spawn] = fail
    with pytest.raises(type(error), match=str(error)):
        attach(host).request(Spawn()).result(DEADLINE)


@pytest.mark.parametrize("error", [ZeroDivisionError("in the engine"), SystemExit(3), MemoryError()])
def test_an_unexpected_error_is_answered_logged_and_survived(engine, host, attach, caplog, error):
    def fail(*_):
        raise error

    engine.scripts[Spawn] = fail
    client = attach(host)
    with pytest.raises(MoonscopeError, match=f"unexpected error in the host: {type(error).__name__}") as caught:
        client.request(Spawn()).result(DEADLINE)
    assert caught.value.code == "error"
    assert "Traceback" in caplog.text
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_an_answer_too_large_for_a_message_is_an_error_of_that_request(engine, host, attach, monkeypatch):
    monkeypatch.setattr("moonscope.protocol.MAX_MESSAGE", 10_000)
    engine.scripts[RunChunk] = lambda *_: Runs((RunResult(vm=1, output="x" * 20_000),))
    client = attach(host)
    with pytest.raises(ProtocolError, match=r"the answer cannot be sent: .* over the limit of 10,000"):
        client.request(RUN).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_a_command_too_large_for_a_message_fails_before_it_is_sent(host, attach, monkeypatch):
    client = attach(host)
    monkeypatch.setattr("moonscope.protocol.MAX_MESSAGE", 10_000)
    with pytest.raises(ProtocolError, match="over the limit"):
        client.request(RunChunk(vms=(), source="x" * 20_000)).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_a_command_that_is_no_text_fails_before_it_is_sent(host, attach):
    client = attach(host)
    with pytest.raises(UsageError, match=r"cannot be sent: '\\udcff' is no character"):
        client.request(RunChunk(vms=(), source="\udcff")).result(DEADLINE)
    with pytest.raises(UsageError, match="cannot be sent: a number in it has more than 64 bits"):
        client.request(Inspect(generation=2**70)).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == Done(0)


QUICK = [Interrupt(), Close(), SetMode("off"), Holders(generation=1), Clear(dry_run=True)]


@pytest.mark.parametrize("quick", QUICK, ids=lambda command: type(command).__name__)
def test_what_stops_things_never_waits_for_what_is_slow(engine, host, attach, endless, quick):
    client = attach(host)
    slow = [client.request(RUN) for _ in range(100)]
    endless.wait_until_running()
    assert client.request(quick).result(DEADLINE) == Done(0)
    assert not any(future.done() for future in slow)


def test_a_slow_command_of_one_client_does_not_keep_another_waiting(host, attach, endless):
    attach(host).request(RUN)
    endless.wait_until_running()
    assert attach(host).request(Load(paths=("a.lua",))).result(DEADLINE) == Done(0)


@pytest.mark.parametrize("first", [Load(paths=()), *QUICK[:3], QUICK[4]], ids=lambda command: type(command).__name__)
def test_a_command_begins_when_those_sent_before_it_have_begun(engine, host, attach, first):
    may_begin, begun = threading.Event(), []

    def slow_to_begin(command, progress, cancelled):
        assert may_begin.wait(DEADLINE)
        begun.append(command)
        return Done(0)

    engine.scripts[type(first)] = slow_to_begin
    engine.scripts[RunChunk] = lambda command, *_: begun.append(command) or Done(0)
    client = attach(host)
    client.request(first)
    second = client.request(RUN)
    assert attach(host).request(Collect()).result(DEADLINE) == Done(0)  # other clients do not wait
    assert client.request(Holders(generation=1)).result(DEADLINE) == Done(0)  # nor does what only reads
    assert begun == []
    may_begin.set()
    assert second.result(DEADLINE) == Done(0)
    assert begun == [first, RUN]


def test_a_command_that_has_begun_holds_no_other(host, attach, endless):
    client = attach(host)
    client.request(RUN)
    endless.wait_until_running()
    assert client.request(Load(paths=())).result(DEADLINE) == Done(0)


def test_a_running_command_can_be_cancelled(host, attach, endless):
    client = attach(host)
    future = client.request(RUN)
    endless.wait_until_running()
    client.cancel(future)
    with pytest.raises(CancelledError):
        future.result(DEADLINE)


def test_cancelling_one_command_leaves_the_others(host, attach, endless):
    client = attach(host)
    first, second = client.request(RUN), client.request(RUN)
    endless.wait_until_running(2)
    client.cancel(first)
    with pytest.raises(CancelledError):
        first.result(DEADLINE)
    assert not second.done()
    endless.release()
    assert second.result(DEADLINE) == Done(1)


def test_a_waiting_command_that_is_cancelled_never_begins(engine, host, attach, endless):
    client = attach(host)
    running = [client.request(RUN) for _ in range(8)]
    endless.wait_until_running(8)
    begun = threading.Event()
    engine.scripts[Collect] = lambda *_: begun.set() or Done(0)
    waiting = client.request(Collect())
    client.cancel(waiting)
    client.request(Interrupt()).result(DEADLINE)  # the cancellation has arrived
    endless.release()
    with pytest.raises(CancelledError, match="before it began"):
        waiting.result(DEADLINE)
    assert not begun.is_set()
    assert [future.result(DEADLINE) for future in running] == [Done(1)] * 8


def test_cancelling_what_is_answered_already_does_nothing(host, attach):
    client = attach(host)
    future = client.request(Collect())
    future.result(DEADLINE)
    client.cancel(future)
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_a_window_that_leaves_cancels_what_it_asked_for(host, attach, endless):
    client = attach(host)
    future = client.request(RUN)
    endless.wait_until_running()
    client.close()
    endless.wait_until_cancelled()
    with pytest.raises(ConnectionLost, match="was closed"):
        future.result(DEADLINE)


def test_more_requests_than_the_host_takes_at_once_are_told_so(start_host, attach, endless):
    client = attach(start_host(requests=3))
    running = [client.request(RUN) for _ in range(3)]
    endless.wait_until_running(3)
    with pytest.raises(UsageError, match="3 requests are unanswered"):
        client.request(Collect()).result(DEADLINE)
    endless.release()
    assert [future.result(DEADLINE) for future in running] == [Done(1)] * 3
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_progress_arrives_before_the_result(engine, host, attach):
    def load(command, progress, cancelled):
        progress(3, 10, "c.lua")
        return Done(10)

    engine.scripts[Load] = load
    seen = []
    future = attach(host).request(Load(paths=()), on_progress=lambda *progress: seen.append(progress))
    assert future.result(DEADLINE) == Done(10)
    assert seen == [(3, 10, "c.lua")]


def test_progress_is_sent_at_a_pace_a_person_can_follow(engine, start_host, attach):
    """Whatever the engine reports, one message per gap leaves the host, and the newest is never an old one."""
    gap, first_seen, seen = 1.0, threading.Event(), []

    def load(command, progress, cancelled):
        begin = time.monotonic()
        progress(0, 1000, "")
        assert first_seen.wait(DEADLINE)
        for done in range(1, 1000):
            progress(done, 1000, "")
        return Done(int((time.monotonic() - begin) / gap) + 1)  # gaps that have begun

    def see(done, total, text):
        seen.append(done)
        first_seen.set()

    engine.scripts[Load] = load
    gaps = attach(start_host(progress_gap=gap)).request(Load(paths=()), on_progress=see).result(DEADLINE).count
    assert 1 <= len(seen) <= gaps
    assert seen == sorted(seen)


def test_an_error_in_a_callback_is_logged_and_the_client_goes_on(engine, host, attach, caplog):
    def load(command, progress, cancelled):
        progress(1, 2, "")
        return Done(2)

    engine.scripts[Load] = load

    def broken(*_):
        raise ZeroDivisionError("in the window")

    client = attach(host)
    assert client.request(Load(paths=()), on_progress=broken).result(DEADLINE) == Done(2)
    assert "in the window" in caplog.text
    assert client.request(Collect()).result(DEADLINE) == Done(0)


def test_after_close_a_request_fails_at_once(host, attach):
    client = attach(host)
    client.close()
    client.close()
    with pytest.raises(ConnectionLost, match="the connection was closed"):
        client.request(Collect()).result(DEADLINE)
