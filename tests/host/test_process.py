"""The host as a process: started by a window, ended by it, outlived by nothing; with the real engine."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.client.host_process import HostProcess
from moonscope.commands import (
    Clear,
    Close,
    Collect,
    Holders,
    Inspect,
    InspectFile,
    Interrupt,
    Load,
    RunChunk,
    SetMode,
    Shutdown,
    Spawn,
)
from moonscope.errors import CancelledError, ConnectionLost, NotFoundError, UsageError
from moonscope.host.server import Server
from moonscope.model import CacheMode
from moonscope.wire import read_key
from moonscope.wire.messages import Pong

from .conftest import View

DEADLINE = 30.0
ENDLESS = "while true do end"


@pytest.fixture
def process() -> Iterator[Any]:
    """A host that belongs to us, started."""
    with HostProcess() as started:
        yield started


def run_ended(pid: int) -> bool:
    """Wait until that process is gone."""
    try:
        psutil.Process(pid).wait(DEADLINE)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid)


@pytest.mark.slow
def test_it_runs_lua_and_says_what_it_did(
    process: HostProcess, attach: Callable[..., EngineClient], view: View, tmp_path: Path
) -> None:
    (tmp_path / "a b.lua").write_text("return function() return 'shared' end")
    client = attach(process.address, view)
    assert client.pid == process.pid
    assert client.embedded
    spawned = client.request(Spawn(count=3)).result(DEADLINE)
    loaded = client.request(Load(paths=(str(tmp_path),))).result(DEADLINE)
    assert (loaded.files, loaded.vms, loaded.loaded) == (1, 3, 3)
    runs = client.request(RunChunk(vms=spawned.vms, source="1 + 1")).result(DEADLINE)
    assert [result.values for result in runs] == [("2",)] * 3
    view.wait_for(lambda: sum(row.key.endswith("a b.lua") for update in view.updates for row in update.files))


@pytest.mark.slow
def test_errors_of_the_engine_are_errors_of_the_request(
    process: HostProcess, attach: Callable[..., EngineClient]
) -> None:
    client = attach(process.address)
    for command in (Inspect(generation=99), Holders(generation=99)):
        with pytest.raises(NotFoundError):
            client.request(command).result(DEADLINE)
    with pytest.raises(UsageError):
        client.request(Spawn(count=-1)).result(DEADLINE)
    assert client.request(SetMode(CacheMode.OFF)).result(DEADLINE) is None


@pytest.mark.slow
def test_after_an_answer_the_rows_of_the_snapshot_are_those_that_the_command_left(
    process: HostProcess, attach: Callable[..., EngineClient], view: View, tmp_path: Path
) -> None:
    client = attach(process.address, view)
    for number in range(10):
        file = tmp_path / f"{number}.lua"
        file.write_text("return 1")
        client.request(Spawn()).result(DEADLINE)
        assert len({row.id for update in view.updates for row in update.vms}) == number + 1
        client.request(Load(paths=(str(file),))).result(DEADLINE)
        assert {row.key for update in view.updates for row in update.generations} >= {str(file)}
        rows = [row for update in view.updates for row in update.files if row.key == str(file)]
        assert rows[-1].counters.loads == number + 1


def test_a_long_run_can_be_cancelled_or_interrupted_while_others_work(
    process: HostProcess, attach: Callable[..., EngineClient]
) -> None:
    first, second = attach(process.address), attach(process.address)
    one, other = first.request(Spawn(count=2)).result(DEADLINE).vms
    endless = first.request(RunChunk(vms=(one,), source=ENDLESS))
    works = second.request(RunChunk(vms=(other,), source="'works'")).result(DEADLINE)
    assert works[0].values == ('"works"',)
    assert not endless.done()
    while not second.request(Interrupt(vms=(one,))).result(DEADLINE).ended:
        pass  # it has not begun to run yet
    assert endless.result(DEADLINE)[0].interrupted
    endless = first.request(RunChunk(vms=(one,), source=ENDLESS))
    first.cancel(endless)
    with pytest.raises(CancelledError):
        endless.result(DEADLINE)


@pytest.mark.slow
def test_reads_and_what_stops_things_are_answered_while_a_hundred_scripts_run(
    process: HostProcess, attach: Callable[..., EngineClient], tmp_path: Path
) -> None:
    """Whoever started them, and from whichever window."""
    (tmp_path / "m.lua").write_text("return 1")
    client, other = attach(process.address), attach(process.address)
    vms = client.request(Spawn(100)).result(DEADLINE).vms
    client.request(Load(paths=(str(tmp_path),))).result(DEADLINE)
    begun = [threading.Event() for _ in vms]
    running = [
        client.request(RunChunk(vms=(vm,), source=ENDLESS), on_progress=lambda *_, event=event: event.set())
        for vm, event in zip(vms, begun, strict=True)
    ]
    assert all(event.wait(DEADLINE) for event in begun)
    for window in (client, other):
        assert window.request(InspectFile(path=str(tmp_path / "m.lua"))).result(DEADLINE).dump
        assert window.request(SetMode(CacheMode.ON, vms=vms)).result(DEADLINE) is None
        assert window.request(Interrupt(vms=vms[:1])).result(DEADLINE)
        assert not window.request(Clear()).result(DEADLINE).dry_run
    assert len(other.request(Spawn(1)).result(DEADLINE).vms) == 1
    assert other.request(Close(vms=vms)).result(DEADLINE) == 100
    for future in running:
        result = future.result(DEADLINE)[0]
        assert result.interrupted or "closed before" in result.failure.message


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_what_answers_windows_goes_before_the_threads_that_endless_scripts_added(
    process: HostProcess, attach: Callable[..., EngineClient]
) -> None:
    client = attach(process.address)
    vms = client.request(Spawn(8)).result(DEADLINE).vms
    client.request(RunChunk(vms=vms, source=ENDLESS))
    tasks = Path(f"/proc/{process.pid}/task")
    deadline = time.monotonic() + DEADLINE
    nice: list[int] = []
    while sum(value > 0 for value in nice) < 6 and time.monotonic() < deadline:  # two workers were there before
        nice = [int((task / "stat").read_text().rpartition(")")[2].split()[16]) for task in tasks.iterdir()]
    assert sum(value > 0 for value in nice) >= 6
    assert sum(value == 0 for value in nice) >= 5  # the host's own
    assert client.request(Close(vms=vms)).result(DEADLINE) == 8


@pytest.mark.slow
def test_a_stopped_host_is_noticed_and_so_is_that_it_goes_on(process: HostProcess) -> None:
    heard: SimpleQueue[bool] = SimpleQueue()
    with EngineClient.connect(process.address, on_answering=heard.put) as client:
        os.kill(process.pid, signal.SIGSTOP)
        asked = client.request(Collect())
        assert heard.get(timeout=DEADLINE) is False
        os.kill(process.pid, signal.SIGCONT)
        assert heard.get(timeout=DEADLINE) is True
        assert asked.result(DEADLINE) == 0
        assert heard.empty()


@pytest.mark.slow
def test_an_idle_host_that_says_nothing_by_itself_is_not_taken_for_a_stopped_one(
    start_host: Callable[..., Server],
) -> None:
    """It is asked, and says that it is there; what it shows does not change meanwhile."""
    heard: SimpleQueue[bool] = SimpleQueue()
    pings = threading.Semaphore(0)
    host = start_host()
    with EngineClient.connect(host.address, on_answering=heard.put) as client:
        take = client._take

        def count(message: Any) -> None:
            if isinstance(message, Pong):
                pings.release()
            take(message)

        client._take = count  # type: ignore[method-assign]
        for _ in range(4):
            assert pings.acquire(timeout=DEADLINE)
    assert heard.empty()


@pytest.mark.slow
def test_two_windows_on_one_host_show_the_same(
    process: HostProcess, attach: Callable[..., EngineClient], new_view: type[View]
) -> None:
    views = [new_view(), new_view()]
    one, other = (attach(process.address, view) for view in views)
    spawned = one.request(Spawn(count=2)).result(DEADLINE).vms
    spawned += other.request(Spawn(count=1)).result(DEADLINE).vms
    assert one.request(Clear(dry_run=True)).result(DEADLINE).dry_run
    for view in views:
        view.wait_for(lambda view=view: {row.id for update in view.updates for row in update.vms} == set(spawned))


@pytest.mark.slow
def test_socket_and_key_are_private(process: HostProcess) -> None:
    socket = Path(process.address.removeprefix("unix:"))
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert process.key_file is not None
    assert stat.S_IMODE(process.key_file.stat().st_mode) == 0o600
    assert read_key(process.key_file)


def test_a_killed_host_is_a_message_and_every_request_ends(
    process: HostProcess, attach: Callable[..., EngineClient], view: View
) -> None:
    client = attach(process.address, view)
    vm = client.request(Spawn()).result(DEADLINE).vms
    futures = [client.request(RunChunk(vms=vm, source=ENDLESS)) for _ in range(3)]
    os.kill(process.pid, signal.SIGKILL)
    for future in futures:
        with pytest.raises(ConnectionLost):
            future.result(DEADLINE)
    view.wait_until_lost()
    assert process.wait(DEADLINE) == "was killed by signal 9 (SIGKILL)"
    client.close()
    assert len(view.losses) == 1


@pytest.mark.slow
def test_after_a_kill_a_new_one_starts_and_nothing_of_the_old_is_left(attach: Callable[..., EngineClient]) -> None:
    killed = HostProcess()
    directory = Path(killed.start().removeprefix("unix:")).parent
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(DEADLINE)
    killed.stop()
    assert not directory.exists()
    with HostProcess() as again:
        assert attach(again.address).request(Spawn()).result(DEADLINE).vms


def test_stop_ends_it_in_order_even_while_lua_runs(process: HostProcess, attach: Callable[..., EngineClient]) -> None:
    client = attach(process.address)
    vm = client.request(Spawn()).result(DEADLINE).vms
    client.request(RunChunk(vms=vm, source=ENDLESS))
    socket = Path(process.address.removeprefix("unix:"))
    process.stop(DEADLINE)
    assert process.wait() == "ended normally"
    assert not socket.parent.exists()
    process.stop()


@pytest.mark.slow
def test_shutdown_ends_it(process: HostProcess, attach: Callable[..., EngineClient], view: View) -> None:
    assert attach(process.address, view).request(Shutdown()).result(DEADLINE) is None
    assert view.wait_until_lost() == "the host was closed"
    assert process.wait(DEADLINE) == "ended normally"


def test_lua_code_neither_reads_nor_writes_what_is_the_hosts(
    process: HostProcess, attach: Callable[..., EngineClient]
) -> None:
    """The host's stdin and stdout are how it speaks with its window; a script gets others."""
    client = attach(process.address)
    vm = client.request(Spawn()).result(DEADLINE).vms

    def run(source: str) -> Any:
        return client.request(RunChunk(vms=vm, source=source)).result(DEADLINE)[0]

    assert run("io.stdin:read()").values == ("nil",)
    assert run("assert(os.execute('echo written by a script'))").failure is None
    process.stop(DEADLINE)
    assert "written by a script" in process.last_words


@pytest.mark.slow
def test_a_host_dies_with_the_window_that_started_it(tmp_path: Path) -> None:
    """However the window dies, its host reads the end of its stdin."""
    window = subprocess.Popen([sys.executable, "-c", WINDOW], stdout=subprocess.PIPE, text=True)
    with window:
        host, address = json.loads(window.stdout.readline())
        assert psutil.pid_exists(host)
        window.kill()
        window.wait(DEADLINE)
    assert run_ended(host)
    assert not Path(address.removeprefix("unix:")).exists()


WINDOW = textwrap.dedent(
    """
    import json, time
    from moonscope.client.host_process import HostProcess
    host = HostProcess()
    address = host.start()
    print(json.dumps([host.pid, address]), flush=True)
    time.sleep(600)
    """
)


def test_one_that_was_launched_gets_ready_by_itself() -> None:
    host = HostProcess()
    host.launch()
    pid = host.pid
    try:
        assert host.start() == host.address
        assert host.pid == pid
        with pytest.raises(RuntimeError, match="starts once"):
            host.start()
    finally:
        host.stop()


@pytest.mark.slow
def test_one_that_cannot_start_says_why() -> None:
    process = HostProcess(["--address", "tcp:192.0.2.1:80"])
    with pytest.raises(ConnectionLost, match=r"(?s)ended with exit code 2 before.*not on this computer"):
        process.start()
    assert process.wait() == "ended with exit code 2"


@pytest.mark.slow
def test_one_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    process = HostProcess()
    with pytest.raises(ConnectionLost, match=r"did not say within 0\.2 seconds where it listens"):
        process.start(timeout=0.2)
    assert process.wait().startswith("was killed by signal ")  # SIGKILL where SIGTERM takes longer than that


def test_one_that_says_something_else_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho hello\necho and more >&2\n")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    with pytest.raises(ConnectionLost, match=r"(?s)ended normally before.*it said: hello.*and more"):
        HostProcess().start()


def test_a_python_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    process = HostProcess()
    with pytest.raises(ConnectionLost, match=r"the host did not start: .*python: No such file"):
        process.start()
    process.stop()


@pytest.mark.slow
def test_the_modules_of_the_current_directory_are_not_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of Lua files may hold anything."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current directory')")
    (tmp_path / "moonscope").mkdir()
    (tmp_path / "moonscope" / "__init__.py").write_text("raise SystemExit('imported from the current directory')")
    monkeypatch.chdir(tmp_path)
    with HostProcess() as process:
        assert process.poll() is None
