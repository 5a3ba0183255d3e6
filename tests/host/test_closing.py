"""How a host ends: in order, on request only of its own window, and known to every client at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.commands import Collect, Command, RunChunk, Shutdown
from moonscope.errors import CancelledError, ConnectionLost, UnsupportedError, UsageError
from moonscope.host.server import Server
from moonscope.wire import connect
from moonscope.wire.messages import VERSION, Hello, encode

from .conftest import ScriptedEngine, View

DEADLINE = 20.0
RUN = RunChunk(vms=(1,), source="while true do end")


def test_every_client_is_told_once_that_the_host_was_closed(
    host: Server, attach: Callable[..., EngineClient], new_view: type[View]
) -> None:
    views = [new_view(), new_view()]
    clients = [attach(host, view) for view in views]
    host.close()
    assert [view.wait_until_lost() for view in views] == ["the host was closed"] * 2
    for client in clients:
        client.close()
    assert [view.losses for view in views] == [["the host was closed"]] * 2


def test_a_client_that_leaves_is_not_told_that_it_lost_the_host(
    host: Server, attach: Callable[..., EngineClient], view: View
) -> None:
    client = attach(host, view)
    view.wait_for(lambda: view.updates)
    client.close()
    host.close()
    assert view.losses == []


def test_a_client_may_leave_in_a_callback(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient], view: View, new_view: type[View]
) -> None:
    left = threading.Event()
    leaving = attach(host)
    leaving.request(Collect()).add_done_callback(lambda _: (leaving.close(), left.set()))
    assert left.wait(DEADLINE)
    attach(host, view).request(Collect()).result(DEADLINE)


def test_requests_without_an_answer_end_with_the_connection(
    engine: ScriptedEngine, host: Server, attach: Callable[..., EngineClient]
) -> None:
    begun, release = threading.Event(), threading.Event()

    def stubborn(*_: Any) -> Any:
        begun.set()
        assert release.wait(DEADLINE)
        return ()

    engine.scripts[RunChunk] = stubborn
    client = attach(host)
    future = client.request(RUN)
    assert begun.wait(DEADLINE)
    threading.Thread(target=host.close).start()
    with pytest.raises(ConnectionLost, match="the host was closed"):
        future.result(DEADLINE)
    with pytest.raises(ConnectionLost, match="the host was closed"):
        client.request(Collect()).result(DEADLINE)
    release.set()


def test_closing_cancels_what_runs_and_ends_all_threads(
    engine: ScriptedEngine, start_host: Callable[..., Server], attach: Callable[..., EngineClient]
) -> None:
    running, cancelled_seen = threading.Event(), threading.Event()

    def run(command: Command[Any], progress: Any, cancelled: Any) -> None:
        running.set()
        while not cancelled():
            cancelled_seen.wait(0.01)
        cancelled_seen.set()
        raise CancelledError("cancelled")

    engine.scripts[RunChunk] = run
    before = set(threading.enumerate())
    host = start_host()
    client = attach(host)
    client.request(RUN)
    assert running.wait(DEADLINE)
    host.close()
    assert cancelled_seen.is_set()
    client.close()
    assert set(threading.enumerate()) == before


def test_closing_twice_and_at_once_is_fine(host: Server) -> None:
    closers = [threading.Thread(target=host.close) for _ in range(5)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(DEADLINE)
    assert not any(closer.is_alive() for closer in closers)
    host.close()


@pytest.mark.slow
def test_closing_does_not_wait_for_one_who_never_reads(engine: ScriptedEngine, host: Server) -> None:
    engine.add_mark("x" * 5_000_000)
    stuck = connect(host.address, timeout=DEADLINE)
    stuck.send(encode(Hello(VERSION)))
    host.close()
    stuck.close()


def test_a_program_that_ends_without_closing_leaves_no_socket() -> None:
    socket = run_program("listener = Listener(); print(listener.address.removeprefix('unix:')); sys.exit(3)")
    assert not Path(socket).parent.exists()


def test_a_fork_of_the_host_that_ends_takes_nothing_away() -> None:
    """An embedding program may fork; what runs when the fork ends must leave the host's socket alone."""
    program = """
        listener = Listener()
        socket = Path(listener.address.removeprefix("unix:"))
        fork = os.fork()
        if fork == 0:
            sys.exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 3
        print(socket.exists())
        sys.exit(3)
    """
    assert run_program(program) == "True"


def run_program(program: str) -> str:
    """What it prints; it must end with exit code 3."""
    imports = "import os, sys\nfrom pathlib import Path\nfrom moonscope.wire import Listener\n"
    command = [sys.executable, "-c", imports + textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert ended.returncode == 3, ended.stderr
    return ended.stdout.strip()


def test_a_closed_host_is_not_found_any_more(host: Server, attach: Callable[..., EngineClient]) -> None:
    host.close()
    with pytest.raises(ConnectionLost, match="no host listens"):
        attach(host)


def test_shutdown_is_not_obeyed_by_a_host_that_belongs_to_another_program(
    host: Server, attach: Callable[..., EngineClient]
) -> None:
    client = attach(host)
    assert not client.embedded
    with pytest.raises(UnsupportedError, match="belongs to another program"):
        client.request(Shutdown()).result(DEADLINE)
    assert not host.wait_for_shutdown(timeout=0)
    assert client.request(Collect()).result(DEADLINE) == 0


def test_shutdown_is_answered_and_obeyed_by_an_embedded_host(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient]
) -> None:
    host = start_host(embedded=True)
    client = attach(host)
    assert client.embedded
    assert client.request(Shutdown()).result(DEADLINE) is None
    assert host.wait_for_shutdown(DEADLINE)


@pytest.mark.parametrize("address", ["tcp:0.0.0.0:0", "tcp:192.0.2.1:80"])
def test_a_host_never_listens_beyond_this_computer(start_host: Callable[..., Server], address: str) -> None:
    with pytest.raises(UsageError, match="not on this computer"):
        start_host(address)


def test_a_socket_that_cannot_be_made_is_an_error_with_its_path(
    start_host: Callable[..., Server], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"cannot listen at unix:.*missing/s: No such file"):
        start_host(f"unix:{tmp_path}/missing/s")


def test_a_file_in_the_way_is_not_removed(start_host: Callable[..., Server], tmp_path: Path) -> None:
    file = tmp_path / "s"
    file.write_text("precious")
    with pytest.raises(UsageError, match="in use"):
        start_host(f"unix:{file}")
    assert file.read_text() == "precious"


def test_what_else_lies_beside_a_socket_stays(start_host: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("precious")
    host = start_host(f"unix:{tmp_path}/socket")
    host.close()
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]
