"""Commands of a client: carried out side by side, stoppable, and answered whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.commands import (
    Clear,
    Close,
    Collect,
    Command,
    Holders,
    Inspect,
    Interrupt,
    Load,
    LookInto,
    RunChunk,
    SetMode,
    Spawn,
)
from moonscope.errors import (
    CancelledError,
    ConnectionLost,
    MoonscopeError,
    NotFoundError,
    ProtocolError,
    UsageError,
)
from moonscope.host.server import Server
from moonscope.host.thread_pool import ThreadPool
from moonscope.model import CacheMode, ClearReport, LoadReport, RunResult, SpawnReport

from .conftest import ScriptedEngine

DEADLINE = 20.0


class Endless:
    """A command that runs until it is cancelled, as a VM in an endless loop does."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self._released = threading.Event()

    def __call__(self, command: Command[Any], progress: Any, cancelled: Any) -> Any:
        progress(0, 1, "")
        self.running.release()
        while not self._released.wait(0.01):
            if cancelled():
                self.ended.release()
                raise CancelledError("the run was cancelled")
        return RAN

    def wait_until_running(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.running.acquire(timeout=DEADLINE)

    def wait_until_cancelled(self) -> None:
        assert self.ended.acquire(timeout=DEADLINE)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def endless(engine: ScriptedEngine) -> Iterator[Any]:
    """`RunChunk` never ends by itself."""
    script = Endless()
    engine.scripts[RunChunk] = script
    yield script
    script.release()


@pytest.fixture
def host_threads() -> Any:
    """How many threads the hosts in this process have."""

    def count() -> int:
        names = [thread.name for thread in threading.enumerate()]
        return sum(name.startswith("moonscope-") and not name.startswith("moonscope-client") for name in names)

    return count


RUN = RunChunk(vms=(1,), source="while true do end")
RAN = (RunResult(vm=1),)


def test_a_result_comes_back_as_it_was(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    result = (RunResult(vm=3, values=("42", '"text"'), output="línea\n"),)
    engine.scripts[RunChunk] = lambda *_: result
    assert attach(host).request(RUN).result(DEADLINE) == result


def test_what_was_asked_is_what_the_engine_gets(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    asked = []
    engine.scripts[Clear] = lambda command, *_: asked.append(command) or ClearReport()
    command = Clear(keys=("a b.lua", "中.lua", "quote'\n.lua"), dry_run=True)
    attach(host).request(command).result(DEADLINE)
    assert asked == [command]


@pytest.mark.parametrize(
    "error", [NotFoundError("no VM 7"), UsageError("count must be 1 or more"), CancelledError("x")]
)
def test_an_error_of_the_engine_arrives_as_the_same_error(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], error: Any
) -> None:
    def fail(*_: Any) -> None:
        raise error

    engine.scripts[Spawn] = fail
    with pytest.raises(type(error), match=str(error)):
        attach(host).request(Spawn()).result(DEADLINE)


@pytest.mark.parametrize("error", [ZeroDivisionError("in the engine"), SystemExit(3), MemoryError()])
def test_an_unexpected_error_is_answered_logged_and_survived(
    engine: ScriptedEngine,
    host: Server,
    attach: Callable[..., EngineClient],
    caplog: pytest.LogCaptureFixture,
    error: Any,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    engine.scripts[Spawn] = fail
    client = attach(host)
    with pytest.raises(MoonscopeError, match=f"unexpected error in the host: {type(error).__name__}") as caught:
        client.request(Spawn()).result(DEADLINE)
    assert caught.value.code == "error"
    assert "Traceback" in caplog.text
    assert client.request(Collect()).result(DEADLINE) == 0


def test_an_answer_too_large_for_a_message_is_an_error_of_that_request(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonscope.wire.messages.MAX_MESSAGE", 10_000)
    engine.scripts[RunChunk] = lambda *_: (RunResult(vm=1, output="x" * 20_000),)
    client = attach(host)
    with pytest.raises(ProtocolError, match=r"the answer cannot be sent: .* over the limit of 10,000"):
        client.request(RUN).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == 0


def test_a_command_too_large_for_a_message_fails_before_it_is_sent(
    host: Server, attach: Callable[..., EngineClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = attach(host)
    monkeypatch.setattr("moonscope.wire.messages.MAX_MESSAGE", 10_000)
    with pytest.raises(ProtocolError, match="over the limit"):
        client.request(RunChunk(vms=(), source="x" * 20_000)).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == 0


def test_a_command_that_is_no_text_fails_before_it_is_sent(host: Server, attach: Callable[..., EngineClient]) -> None:
    client = attach(host)
    with pytest.raises(UsageError, match=r"cannot be sent: '\\udcff' is no character"):
        client.request(RunChunk(vms=(), source="\udcff")).result(DEADLINE)
    with pytest.raises(UsageError, match="cannot be sent: a number in it has more than 64 bits"):
        client.request(Inspect(generation=2**70)).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == 0


QUICK = [Interrupt(), Close(), SetMode(CacheMode.OFF), Holders(generation=1), Clear(dry_run=True)]


@pytest.mark.parametrize("quick", QUICK, ids=lambda command: type(command).__name__)
def test_what_stops_things_never_waits_for_what_is_slow(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], endless: Endless, quick: Any
) -> None:
    client = attach(host)
    slow = [client.request(RUN) for _ in range(100)]
    endless.wait_until_running()
    assert client.request(quick).result(DEADLINE) == engine.answers[type(quick)]
    assert not any(future.done() for future in slow)


@pytest.mark.parametrize(
    "command", [Inspect(generation=1), Load(paths=()), Spawn(), LookInto(vm=1), Close(), Interrupt(), Clear()],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
def test_a_hundred_endless_commands_keep_no_window_waiting(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], endless: Endless, command: Command[Any]
) -> None:
    """Neither another one nor the one that sent them, whatever it wants next."""
    client = attach(host)
    for _ in range(100):
        client.request(RUN)
    endless.wait_until_running(100)
    assert client.request(command).result(DEADLINE) == engine.answers[type(command)]
    assert attach(host).request(command).result(DEADLINE) == engine.answers[type(command)]


def test_closing_vms_that_do_not_end_keeps_nothing_waiting(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    stuck, release = threading.Semaphore(0), threading.Event()

    def close(command: Command[Any], progress: Any, cancelled: Any) -> Any:
        progress(0, 1, "")
        stuck.release()
        assert release.wait(DEADLINE)
        return 1

    engine.scripts[Close] = close
    client = attach(host)
    closing = [client.request(Close(vms=(n,))) for n in range(20)]
    for _ in closing:
        assert stuck.acquire(timeout=DEADLINE)
    for command in (Interrupt(), Clear(), Holders(generation=1), Inspect(generation=1), RUN):
        assert client.request(command).result(DEADLINE) == engine.answers[type(command)]
    release.set()
    assert [future.result(DEADLINE) for future in closing] == [1] * 20


def test_a_host_has_as_many_threads_for_many_windows_as_for_one(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], host_threads: Any
) -> None:
    """Of commands that never wait for a VM: each of the others may have a thread of its own for a while."""
    host = start_host()
    attach(host).request(Clear(dry_run=True)).result(DEADLINE)
    with_one = host_threads()
    for _ in range(20):
        attach(host).request(Clear(dry_run=True)).result(DEADLINE)
    assert host_threads() == with_one


def test_threads_of_commands_go_when_they_are_not_needed() -> None:
    pool, release, running = ThreadPool("test", idle_seconds=0.01), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        running.release()
        release.wait(DEADLINE)

    for _ in range(50):
        pool.submit(work)
    for _ in range(50):
        assert running.acquire(timeout=DEADLINE)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("test-")]
    assert len(threads) == 50
    release.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads)
    pool.close(DEADLINE)


def test_a_slow_command_of_one_client_does_not_keep_another_waiting(
    host: Server, attach: Callable[..., EngineClient], endless: Endless
) -> None:
    attach(host).request(RUN)
    endless.wait_until_running()
    assert attach(host).request(Load(paths=("a.lua",))).result(DEADLINE) == LoadReport()


@pytest.mark.parametrize("first", [Load(paths=()), *QUICK[:3], QUICK[4]], ids=lambda command: type(command).__name__)
def test_a_command_begins_when_those_sent_before_it_have_begun(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], first: Any
) -> None:
    may_begin, begun = threading.Event(), []

    def slow_to_begin(command: Command[Any], progress: Any, cancelled: Any) -> Any:
        assert may_begin.wait(DEADLINE)
        begun.append(command)
        return engine.answers[type(command)]

    engine.scripts[type(first)] = slow_to_begin
    engine.scripts[RunChunk] = lambda command, *_: begun.append(command) or RAN
    client = attach(host)
    client.request(first)
    second = client.request(RUN)
    assert attach(host).request(Collect()).result(DEADLINE) == 0  # other clients do not wait
    assert client.request(Holders(generation=1)).result(DEADLINE) == ()  # nor does what only reads
    assert begun == []
    may_begin.set()
    assert second.result(DEADLINE) == RAN
    assert begun == [first, RUN]


def test_a_command_that_has_begun_holds_no_other(
    host: Server, attach: Callable[..., EngineClient], endless: Endless
) -> None:
    client = attach(host)
    client.request(RUN)
    endless.wait_until_running()
    assert client.request(Load(paths=())).result(DEADLINE) == LoadReport()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Load(paths="m.lua"), "Load: paths: expected array, got str"),  # type: ignore[arg-type]
        (Load(paths=("a.lua", 7)), r"Load: paths\[1\]: expected str, got int"),  # type: ignore[arg-type]
        (Spawn(count="3"), "Spawn: count: expected int, got str"),  # type: ignore[arg-type]
        (Spawn(count=True), "Spawn: count: expected int, got bool"),
        (Spawn(options=7), "Spawn: options: expected object, got int"),  # type: ignore[arg-type]
        (RunChunk(vms=(1,), source=b"return 1"), "RunChunk: source: expected str, got bytes"),  # type: ignore[arg-type]
        (RunChunk(vms=(1,), source=object()), "RunChunk cannot be sent: .* object is unsupported"),  # type: ignore[arg-type]
        (SetMode("loud"), "SetMode: mode: invalid enum value 'loud'"),  # type: ignore[arg-type]
        ("Load", "the command: expected object, got str"),
        (None, "the command: expected object, got None"),
    ],
)
def test_a_field_of_a_wrong_type_is_an_error_that_names_it_before_anything_is_sent(
    host: Server, attach: Callable[..., EngineClient], command: Command[Any], words: Any
) -> None:
    client = attach(host)
    with pytest.raises(UsageError, match=words):
        client.request(command).result(DEADLINE)
    assert client.request(Collect()).result(DEADLINE) == 0


def test_a_running_command_can_be_cancelled(
    host: Server, attach: Callable[..., EngineClient], endless: Endless
) -> None:
    client = attach(host)
    future = client.request(RUN)
    endless.wait_until_running()
    client.cancel(future)
    with pytest.raises(CancelledError):
        future.result(DEADLINE)


def test_cancelling_one_command_leaves_the_others(
    host: Server, attach: Callable[..., EngineClient], endless: Endless
) -> None:
    client = attach(host)
    first, second = client.request(RUN), client.request(RUN)
    endless.wait_until_running(2)
    client.cancel(first)
    with pytest.raises(CancelledError):
        first.result(DEADLINE)
    assert not second.done()
    endless.release()
    assert second.result(DEADLINE) == RAN


def test_a_waiting_command_that_is_cancelled_never_begins(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    """It is answered at once, and what its client sent after it no longer waits for it."""
    may_begin, begun = threading.Event(), []
    engine.scripts[Load] = lambda *_: may_begin.wait(DEADLINE) and LoadReport()
    engine.scripts[Spawn] = lambda *_: begun.append("spawn") or SpawnReport()
    engine.scripts[Collect] = lambda *_: begun.append("collect") or 3
    client = attach(host)
    first, waiting, last = client.request(Load(paths=())), client.request(Spawn()), client.request(Collect())
    client.cancel(waiting)
    with pytest.raises(CancelledError, match="before it began"):
        waiting.result(DEADLINE)
    assert not first.done()
    may_begin.set()
    assert (first.result(DEADLINE), last.result(DEADLINE)) == (LoadReport(), 3)
    assert begun == ["collect"]


def test_cancelling_what_is_answered_already_does_nothing(host: Server, attach: Callable[..., EngineClient]) -> None:
    client = attach(host)
    future = client.request(Collect())
    future.result(DEADLINE)
    client.cancel(future)
    assert client.request(Collect()).result(DEADLINE) == 0


def test_a_window_that_leaves_cancels_what_it_asked_for(
    host: Server, attach: Callable[..., EngineClient], endless: Endless
) -> None:
    client = attach(host)
    future = client.request(RUN)
    endless.wait_until_running()
    client.close()
    endless.wait_until_cancelled()
    with pytest.raises(ConnectionLost, match="was closed"):
        future.result(DEADLINE)


def test_more_requests_than_the_host_takes_at_once_are_told_so(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], endless: Endless
) -> None:
    client = attach(start_host(requests=3))
    running = [client.request(RUN) for _ in range(3)]
    endless.wait_until_running(3)
    with pytest.raises(UsageError, match="3 requests are unanswered"):
        client.request(Collect()).result(DEADLINE)
    endless.release()
    assert [future.result(DEADLINE) for future in running] == [RAN] * 3
    assert client.request(Collect()).result(DEADLINE) == 0


def test_progress_arrives_before_the_result(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    def load(command: Command[Any], progress: Any, cancelled: Any) -> Any:
        progress(3, 10, "c.lua")
        return LoadReport(files=10)

    engine.scripts[Load] = load
    seen = []
    future = attach(host).request(Load(paths=()), on_progress=lambda *progress: seen.append(progress))
    assert future.result(DEADLINE) == LoadReport(files=10)
    assert seen == [(3, 10, "c.lua")]


def test_progress_is_sent_at_a_pace_a_person_can_follow(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient]
) -> None:
    """Whatever the engine reports, one message per gap leaves the host, and the newest is never an old one."""
    gap, first_seen, seen = 1.0, threading.Event(), []

    def load(command: Command[Any], progress: Any, cancelled: Any) -> Any:
        begin = time.monotonic()
        progress(0, 1000, "")
        assert first_seen.wait(DEADLINE)
        for done in range(1, 1000):
            progress(done, 1000, "")
        return LoadReport(files=int((time.monotonic() - begin) / gap) + 1)  # gaps that have begun

    def see(done: Any, total: Any, text: Any) -> None:
        seen.append(done)
        first_seen.set()

    engine.scripts[Load] = load
    gaps = attach(start_host(progress_gap=gap)).request(Load(paths=()), on_progress=see).result(DEADLINE).files
    assert 1 <= len(seen) <= gaps
    assert seen == sorted(seen)


def test_an_error_in_a_callback_is_logged_and_the_client_goes_on(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], caplog: pytest.LogCaptureFixture
) -> None:
    def load(command: Command[Any], progress: Any, cancelled: Any) -> Any:
        progress(1, 2, "")
        return LoadReport(files=2)

    engine.scripts[Load] = load

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("in the window")

    client = attach(host)
    assert client.request(Load(paths=()), on_progress=broken).result(DEADLINE) == LoadReport(files=2)
    assert "in the window" in caplog.text
    assert client.request(Collect()).result(DEADLINE) == 0


def test_after_close_a_request_fails_at_once(host: Server, attach: Callable[..., EngineClient]) -> None:
    client = attach(host)
    client.close()
    client.close()
    with pytest.raises(ConnectionLost, match="the connection was closed"):
        client.request(Collect()).result(DEADLINE)
