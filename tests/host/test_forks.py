"""A program that serves, or that is attached to a host, may fork: the fork has no part in it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.errors import ConnectionLost

from .conftest import View

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

DEADLINE = 20.0

BEGIN = """
import os, sys, threading
from moonscope.client.engine_client import EngineClient
from moonscope.errors import MoonscopeError
from moonscope.host import serve
from moonscope.model import Settings, Update
from moonscope.commands import Collect

class Engine:
    def perform(self, command, context):
        return os.getpid()
    def changes(self, since):
        return Update(revision=1, since=since, settings=Settings())
    def wait(self, since, timeout):
        return since < 1 or threading.Event().wait(timeout)
    def close(self): ...

def attempt(work):
    try:
        return work()
    except MoonscopeError as error:
        return error

def pid_of_host_at(address):
    with EngineClient.connect(address) as client:
        return client.request(Collect()).result(20)
"""


@pytest.fixture
def run() -> Iterator[Any]:
    """Start a program, of which and of whose fork the output is read; both end when the test does."""
    started = []

    def begin(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", BEGIN + textwrap.dedent(program)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.stdin.close()  # for which forks wait
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("address", ["None", "'tcp:127.0.0.1:0'"])
def test_when_a_program_that_serves_is_killed_its_fork_keeps_nothing_open(
    run: Any, attach: Callable[..., EngineClient], view: View, address: str
) -> None:
    program = run(f"""
        server = serve(Engine(), {address})
        print(server.address, flush=True)
        sys.stdin.readline()
        if os.fork() == 0:
            print("forked", flush=True)
        sys.stdin.readline()
    """)
    where = program.stdout.readline().strip()
    client = attach(where, view)
    program.stdin.write("fork\n")
    program.stdin.flush()
    assert program.stdout.readline() == "forked\n"
    program.kill()
    program.wait()
    assert "closed the connection" in view.wait_until_lost() or "gone" in view.losses[0]
    with pytest.raises(ConnectionLost, match="no host listens"):
        attach(where)
    client.close()


def test_a_fork_can_neither_close_nor_wait_for_its_parents_host_but_serve_its_own(run: Any) -> None:
    program = run("""
        server = serve(Engine(), embedded=True)
        if (fork := os.fork()) == 0:
            print(attempt(lambda: server.wait_for_shutdown(20)), flush=True)
            server.close()
            with serve(Engine()) as own:
                print(pid_of_host_at(own.address) == os.getpid(), flush=True)
            print(pid_of_host_at(server.address) == os.getppid(), flush=True)
            os._exit(0)
        print("ended", os.waitpid(fork, 0)[1], flush=True)
        print(pid_of_host_at(server.address) == os.getpid(), flush=True)
        server.close()
        print("closed", flush=True)
    """)
    lines = [program.stdout.readline().strip() for _ in range(6)]
    assert "is a fork of the one that serves" in lines[0]
    assert lines[1:] == ["True", "True", "ended 0", "True", "closed"]


def test_a_fork_of_a_client_has_no_connection(run: Any) -> None:
    program = run("""
        server = serve(Engine())
        client = EngineClient.connect(server.address)
        if (fork := os.fork()) == 0:
            print(attempt(lambda: client.request(Collect()).result(20)), flush=True)
            client.close()
            print(pid_of_host_at(server.address) == os.getppid(), flush=True)
            os._exit(0)
        print("ended", os.waitpid(fork, 0)[1], flush=True)
        print(client.request(Collect()).result(20) == os.getpid(), flush=True)
        client.close()
        server.close()
    """)
    lines = [program.stdout.readline().strip() for _ in range(4)]
    assert "fork of the one that has the connection" in lines[0]
    assert lines[1:] == ["True", "ended 0", "True"]


@pytest.mark.slow
def test_a_fork_neither_ends_its_parents_host_process_nor_keeps_it(run: Any) -> None:
    program = run("""
        from moonscope.client.host_process import HostProcess
        process = HostProcess()
        process.start()
        print(process.pid, flush=True)
        if os.fork() == 0:
            process.stop()
            print("stopped", flush=True)
        sys.stdin.readline()
    """)
    host = psutil.Process(int(program.stdout.readline()))
    assert program.stdout.readline() == "stopped\n"
    assert host.is_running()
    assert host.status() != psutil.STATUS_ZOMBIE
    program.kill()
    program.wait()
    host.wait(DEADLINE)
