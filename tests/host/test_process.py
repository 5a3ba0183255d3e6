"""The host as a process: started by a window, ended by it, outlived by nothing; with the real engine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
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
from moonscope.errors import AuthenticationFailed, CancelledError, ConnectionLost, NotFoundError, UsageError
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


def attach_when_it_listens(
    process: subprocess.Popen[bytes], attach: Callable[..., EngineClient], address: str, key: bytes
) -> Any:
    """For a host that cannot say that it does."""
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionLost):
            return attach(address, key=key)
        time.sleep(0.05)
    pytest.fail(f"it does not listen; exit code {process.poll()}")


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


class TestStandAlone:
    """`moonscope host` in a terminal."""

    @pytest.fixture
    def start(self) -> Iterator[Any]:
        started = []

        def run(*options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
            process = subprocess.Popen(
                [sys.executable, "-m", "moonscope.host", *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            return process, json.loads(process.stdout.readline())

        yield run
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_in_order(
        self, start: Callable[..., Any], attach: Callable[..., EngineClient], view: View, number: Any
    ) -> None:
        process, where = start()
        assert where["pid"] == process.pid
        attach(where["address"], view)
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        assert view.wait_until_lost() == "the host was closed"
        assert not Path(where["key_file"]).exists()

    @pytest.mark.slow
    @pytest.mark.parametrize("options", [[], ["--key-file", "own.key"]])
    @pytest.mark.parametrize("runtime", ["run", "open to others"])
    def test_what_a_killed_one_leaves_goes_when_the_next_one_starts(
        self,
        start: Callable[..., Any],
        attach: Callable[..., EngineClient],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        options: Any,
        runtime: Any,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
        if runtime != "run":
            (tmp_path / "run" / "moonscope").mkdir(parents=True, mode=0o755)
        (alive, its), (killed, left) = start(*options), start(*options)
        killed.kill()
        killed.wait()
        left, its = (Path(where["address"].removeprefix("unix:")).parent for where in (left, its))
        assert left.exists()
        (unlocked := left.with_name(left.name + "-of-another-program")).mkdir(mode=0o700)
        start(*options)
        assert not left.exists()
        assert unlocked.exists()
        key = read_key(tmp_path / "own.key") if options else None
        with attach(f"unix:{its}/socket", key=key) as client:
            assert client.pid == alive.pid

    @pytest.mark.slow
    @pytest.mark.skipif(os.name != "posix", reason="ports leave key files that cannot be locked")
    def test_the_key_of_a_killed_one_at_a_port_goes_when_the_next_one_starts(
        self, start: Callable[..., Any], attach: Callable[..., EngineClient], runtime_directory: Path
    ) -> None:
        (alive, its), (killed, left) = (start("--address", "tcp:127.0.0.1:0") for _ in range(2))
        killed.kill()
        killed.wait()
        assert Path(left["key_file"]).exists()
        _, new = start("--address", "tcp:127.0.0.1:0")
        assert left["key_file"] == new["key_file"] or not Path(left["key_file"]).exists()
        with attach(its["address"]) as client:
            assert client.pid == alive.pid

    def test_a_key_without_a_lock_stays_while_someone_listens(
        self, start: Callable[..., Any], runtime_directory: Path
    ) -> None:
        """It may be that of a host where files cannot be locked."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            (runtime_directory / "moonscope").mkdir(mode=0o700)
            key_file = runtime_directory / "moonscope" / f"tcp-127.0.0.1-{listening.getsockname()[1]}.key"
            key_file.write_text("0" * 64)
            start("--address", "tcp:127.0.0.1:0")
            assert key_file.exists()

    def test_where_the_path_of_a_socket_would_be_too_long_a_shorter_one_is_found(
        self,
        start: Callable[..., Any],
        attach: Callable[..., EngineClient],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        long = tmp_path / ("x" * 100)
        long.mkdir()
        monkeypatch.setenv("TMPDIR", str(long))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
        process, where = start()
        directory = Path(where["address"].removeprefix("unix:")).parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        with attach(where["address"]) as client:
            assert client.pid == process.pid
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
        assert not directory.exists()

    @pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full"])
    def test_streams_that_are_closed_or_full_do_not_stop_it(
        self, attach: Callable[..., EngineClient], tmp_path: Path, closed: Any
    ) -> None:
        """Nor does what Lua code writes there land in a connection."""
        address, key_file = f"unix:{tmp_path}/s", tmp_path / "key"
        key_file.write_text("0" * 64)
        key_file.chmod(0o600)
        command = f'exec "$0" -m moonscope.host --address "$1" --key-file "$2" {closed}'
        process = subprocess.Popen(["bash", "-c", command, sys.executable, address, str(key_file)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            client = attach_when_it_listens(process, attach, address, bytes(32))
            with pytest.raises(AuthenticationFailed):  # which the host logs
                attach(address, key=bytes(range(32)))
            vms = client.request(Spawn()).result(DEADLINE).vms
            run = RunChunk(vms=vms, source="io.stderr:write(('x'):rep(1000)) io.stdout:write('y') return io.read()")
            assert client.request(run).result(DEADLINE)[0].failure is None
            assert client.request(Collect()).result(DEADLINE) == 1
            client.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            process.wait()

    def test_a_signal_is_heeded_whatever_the_main_thread_does(self) -> None:
        """Here it waits in C, where no handler in Python can run; so it is for a moment before each of its waits."""
        source = (
            "import ctypes, os, threading\n"
            "from moonscope.host.main import _end_on_signals\n"
            "ending, locked = threading.Event(), threading.Event()\n"
            "_end_on_signals(ending)\n"
            "def end(): locked.wait(), print('ready', flush=True), ending.wait(), os._exit(7)\n"
            "threading.Thread(target=end).start()\n"
            "lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)\n"
            "lock(mutex), locked.set(), lock(mutex)\n"
        )
        with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(DEADLINE) == 7
            finally:
                process.kill()

    def test_the_end_of_stdin_and_shutdown_do_not_end_it(
        self, start: Callable[..., Any], attach: Callable[..., EngineClient]
    ) -> None:
        process, where = start()
        client = attach(where["address"])
        with pytest.raises(Exception, match="belongs to another program"):
            client.request(Shutdown()).result(DEADLINE)
        assert process.poll() is None

    @pytest.mark.slow
    def test_a_key_file_is_made_once_and_used_again(
        self, start: Callable[..., Any], attach: Callable[..., EngineClient], tmp_path: Path
    ) -> None:
        key_file = tmp_path / "host.key"
        for _ in range(2):
            process, where = start("--address", "tcp:127.0.0.1:0", "--key-file", str(key_file))
            assert where["key_file"] == str(key_file)
            assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
            key = read_key(key_file)
            with attach(where["address"], key=key) as client:
                assert client.pid == process.pid
        assert read_key(key_file) == key

    def test_options_reach_the_engine(
        self, start: Callable[..., Any], attach: Callable[..., EngineClient], view: View
    ) -> None:
        _, where = start("--workers", "3", "--mode", "exist", "--sharing", "bytecode", "--libraries", "pure")
        attach(where["address"], view)
        view.wait_for(lambda: view.updates)
        settings = view.updates[0].settings
        assert (settings.workers, settings.default_mode, settings.default_sharing) == (3, "exist", "bytecode")
        assert settings.default_libraries == "pure"

    @pytest.mark.skipif(sys.platform != "linux", reason="the address space cannot be limited")
    def test_more_workers_than_the_system_has_threads_for_are_refused_in_words(self) -> None:
        limited = 'ulimit -v 3000000; exec "$0" -m moonscope.host --workers 10000'
        ended = subprocess.run(
            ["bash", "-c", limited, sys.executable], capture_output=True, text=True, timeout=DEADLINE
        )
        assert ended.returncode == 2
        assert "10,000 worker threads cannot be had" in ended.stderr
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--workers", "0"], "0 is too small; 1 is the least"),
            (["--workers", "two"], "'two' is no whole number"),
            (["--address", "nowhere:1"], "'nowhere:1' is not an address"),
            (["--mode", "maybe"], "maybe"),
            (["--sharing", "magic"], "magic"),
            (["--libraries", "some"], "some"),
            (["--nothing"], "--nothing"),
        ],
    )
    def test_bad_options_are_named(self, options: Any, words: Any) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "moonscope.host", *options],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        assert ended.returncode == 2
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
