"""`moonscope host` in a terminal: a host that belongs to no window."""

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
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.commands import (
    Collect,
    RunChunk,
    Shutdown,
    Spawn,
)
from moonscope.errors import AuthenticationFailed, ConnectionLost
from moonscope.wire import read_key

from .conftest import View

DEADLINE = 30.0
ENDLESS = "while true do end"


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


@pytest.fixture
def start() -> Iterator[Any]:
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
    start: Callable[..., Any], attach: Callable[..., EngineClient], view: View, number: Any
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
    start: Callable[..., Any], attach: Callable[..., EngineClient], runtime_directory: Path
) -> None:
    (alive, its), (killed, left) = (start("--address", "tcp:127.0.0.1:0") for _ in range(2))
    killed.kill()
    killed.wait()
    assert Path(left["key_file"]).exists()
    _, new = start("--address", "tcp:127.0.0.1:0")
    assert left["key_file"] == new["key_file"] or not Path(left["key_file"]).exists()
    with attach(its["address"]) as client:
        assert client.pid == alive.pid


def test_a_key_without_a_lock_stays_while_someone_listens(start: Callable[..., Any], runtime_directory: Path) -> None:
    """It may be that of a host where files cannot be locked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (runtime_directory / "moonscope").mkdir(mode=0o700)
        key_file = runtime_directory / "moonscope" / f"tcp-127.0.0.1-{listening.getsockname()[1]}.key"
        key_file.write_text("0" * 64)
        start("--address", "tcp:127.0.0.1:0")
        assert key_file.exists()


def test_where_the_path_of_a_socket_would_be_too_long_a_shorter_one_is_found(
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
    attach: Callable[..., EngineClient], tmp_path: Path, closed: Any
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


def test_a_signal_is_heeded_whatever_the_main_thread_does() -> None:
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
    start: Callable[..., Any], attach: Callable[..., EngineClient]
) -> None:
    process, where = start()
    client = attach(where["address"])
    with pytest.raises(Exception, match="belongs to another program"):
        client.request(Shutdown()).result(DEADLINE)
    assert process.poll() is None


@pytest.mark.slow
def test_a_key_file_is_made_once_and_used_again(
    start: Callable[..., Any], attach: Callable[..., EngineClient], tmp_path: Path
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


def test_options_reach_the_engine(start: Callable[..., Any], attach: Callable[..., EngineClient], view: View) -> None:
    _, where = start("--workers", "3", "--mode", "exist", "--sharing", "bytecode", "--libraries", "pure")
    attach(where["address"], view)
    view.wait_for(lambda: view.updates)
    settings = view.updates[0].settings
    assert (settings.workers, settings.default_mode, settings.default_sharing) == (3, "exist", "bytecode")
    assert settings.default_libraries == "pure"


@pytest.mark.skipif(sys.platform != "linux", reason="the address space cannot be limited")
def test_more_workers_than_the_system_has_threads_for_are_refused_in_words() -> None:
    limited = 'ulimit -v 3000000; exec "$0" -m moonscope.host --workers 10000'
    ended = subprocess.run(["bash", "-c", limited, sys.executable], capture_output=True, text=True, timeout=DEADLINE)
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
def test_bad_options_are_named(options: Any, words: Any) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "moonscope.host", *options],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
