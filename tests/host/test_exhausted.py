"""Where the system gives no further thread or file, what needs one fails in words, and all else goes on."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.client.host_process import HostProcess
from moonscope.commands import Clear, Command, Interrupt, RunChunk
from moonscope.commands.codec import encode_command
from moonscope.errors import ConnectionLost, MoonscopeError, UsageError
from moonscope.host.server import Server
from moonscope.wire.connection import Connection
from moonscope.wire.messages import Request, Response, decode_from_host, encode

DEADLINE = 20.0
RUN = RunChunk(vms=(1,), source="return 1")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """How many more threads there may be is said with `allow`."""

    class Threads:
        left: int | None = None

        def allow(self, count: int | None) -> None:
            self.left = count

    allowed, start = Threads(), threading.Thread.start

    def start_or_fail(thread: Any) -> None:
        if allowed.left is not None:
            if allowed.left == 0:
                raise RuntimeError("can't start new thread")
            allowed.left -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    yield allowed
    allowed.allow(None)


def ask(connection: Connection, id: Any, command: Command[Any]) -> Response:
    connection.send(encode(Request(id, encode_command(command))))
    while True:
        message = decode_from_host(connection.receive(deadline=time.monotonic() + DEADLINE))
        if isinstance(message, Response):
            return message


def test_a_command_without_a_thread_is_an_error_and_what_stops_things_works(
    host: Server, talk: Callable[..., Connection], threads: Any
) -> None:
    connection = talk(host)
    threads.allow(0)
    answer = ask(connection, 1, RUN)
    assert "no further thread" in answer.error.message
    assert ask(connection, 2, Interrupt()).error is None
    assert ask(connection, 3, Clear()).error is None
    assert ask(talk(host), 1, Interrupt()).error is None  # a new window needs none
    threads.allow(None)
    assert ask(connection, 1, RUN).error is None


def test_a_command_that_got_no_thread_holds_no_other(
    host: Server, talk: Callable[..., Connection], threads: Any
) -> None:
    connection = talk(host)
    threads.allow(0)
    for id in range(1, 4):
        assert "no further thread" in ask(connection, id, RUN).error.message
    threads.allow(None)
    assert ask(connection, 4, RUN).error is None


@pytest.mark.parametrize("left", range(5))
def test_a_host_whose_threads_cannot_be_had_does_not_begin(
    start_host: Callable[..., Server], runtime_directory: Path, threads: Any, left: Any
) -> None:
    before = set(threading.enumerate())
    threads.allow(left)
    with pytest.raises(UsageError, match=r"cannot serve at unix:.*no further thread"):
        start_host()
    threads.allow(None)
    assert [path for path in runtime_directory.rglob("*") if not path.is_dir()] == []
    assert set(threading.enumerate()) == before
    start_host()


@pytest.mark.parametrize("left", [0, 1])
def test_a_client_whose_threads_cannot_be_had_says_so(
    host: Server, attach: Callable[..., EngineClient], threads: Any, left: Any
) -> None:
    threads.allow(left)
    with pytest.raises(MoonscopeError, match="no further thread"):
        EngineClient.connect(host.address)
    threads.allow(None)
    assert attach(host).request(RUN).result(DEADLINE) == ()


@pytest.mark.parametrize("left", [0, 1])
def test_a_host_process_that_cannot_be_listened_to_is_ended(threads: Any, left: Any) -> None:
    threads.allow(left)
    process = HostProcess()
    with pytest.raises(ConnectionLost, match="cannot be listened to"):
        process.start()
    assert process.poll() is not None


def test_a_host_out_of_files_serves_those_who_are_there_and_others_later(
    host: Server, attach: Callable[..., EngineClient], dial: Callable[[Server], socket.socket]
) -> None:
    client = attach(host)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/dev/fd").iterdir())
    used = [socket.socket()]  # the numbers that are free below the highest one that is in use, and one more
    while used[-1].fileno() <= highest:
        used.append(socket.socket())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used[-1].fileno() + 2, limits[1]))
    try:
        waiting = dial(host)  # takes the last number: the host has none for its end
        assert client.request(RUN).result(DEADLINE) == ()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in used:
            each.close()
    assert waiting.recv(100)  # the greeting
    assert attach(host).request(RUN).result(DEADLINE) == ()
