"""A program that forks again and again while its threads load, run, clear and measure. Run by test_fork.py.

In each child: what was made before the fork says so, runtimes that were attached go on loading, and a new engine works.
A child that hangs is ended by its alarm; its status then tells.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moonscope
from moonscope.commands import Clear, Close, Load, RunChunk, Spawn
from moonscope.errors import MoonscopeError, UsageError

SECONDS = 30  # that a child may take


def refused(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except UsageError as error:
        expected = f"this {what} was made in process {os.getppid()} before a fork; make a new one here"
        assert str(error) == expected, error
    else:
        raise AssertionError(f"{what}: not refused")


def check_old(
    engine: moonscope.Engine, pool: moonscope.VMPool, cache: moonscope.CodeCache, vm: moonscope.LuaVM
) -> None:
    refused("engine", lambda: engine.perform(Spawn()))
    refused("engine", lambda: engine.changes(0))
    refused("engine", lambda: engine.wait(0, 1.0))
    refused("engine", engine.cache)
    refused("engine", engine.measure)
    refused("pool of VMs", lambda: pool.spawn(cache))
    refused("pool of VMs", lambda: pool.close(None))
    refused("pool of VMs", lambda: pool.interrupt(None))
    refused("cache", cache.clear)
    refused("cache", cache.files)
    refused("cache", lambda: cache.attach(cache.library.new_runtime()))
    refused("VM", lambda: vm.run("return 1"))
    refused("VM", vm.interrupt)
    engine.close()
    pool.shutdown()
    vm.close()


def check_new(path: str) -> None:
    with moonscope.Engine() as engine:
        engine.perform(Spawn(count=2))
        engine.perform(Load(paths=(path,)))
        answer = engine.perform(RunChunk(vms=(), source=f"(dofile({path!r}))"))
        assert [result.values for result in answer] == [('"value"',)] * 2, answer
        engine.perform(Clear())
        engine.perform(Close())


def child(check: Callable[[], None]) -> None:
    signal.alarm(SECONDS)
    try:
        check()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


def fork(check: Callable[[], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of threads and forks
        pid = os.fork()
    if pid == 0:
        child(check)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"child: {status}" + (", it hung" if status == signal.SIGALRM else "")


def load_for_ever(stop: threading.Event, cache: moonscope.CodeCache, paths: list[str]) -> None:
    runtime: Any = cache.library.new_runtime()
    cache.attach(runtime)
    load = runtime.eval(b"loadfile")
    while not stop.is_set():
        for path in paths:
            load(path.encode())
        cache.clear()
        cache.measure()


def command_for_ever(stop: threading.Event, engine: moonscope.Engine, paths: list[str]) -> None:
    while not stop.is_set():
        try:
            engine.perform(Spawn(count=5))
            engine.perform(Load(paths=tuple(paths)))
            engine.perform(Clear())
            engine.perform(Close())
        except MoonscopeError:
            continue


def main(folder: str, forks: int) -> None:
    paths = [str(Path(folder, f"{number}.lua")) for number in range(20)]
    for number, path in enumerate(paths):
        word = f"word_{number}"
        Path(path).write_text(f"local {word} = 'text {number}' return 'value', function() return {word} end")
    engine, cache = moonscope.Engine(interval=0.005), moonscope.CodeCache("5.4", own=None)
    pool, vm = moonscope.VMPool(), moonscope.LuaVM(cache)
    runtime: Any = cache.library.new_runtime()
    cache.attach(runtime)
    stop = threading.Event()
    work = [
        threading.Thread(target=load_for_ever, args=(stop, cache, paths)),
        threading.Thread(target=load_for_ever, args=(stop, engine.cache(), paths)),
        threading.Thread(target=command_for_ever, args=(stop, engine, paths)),
    ]
    for thread in work:
        thread.start()

    def check(number: int) -> None:
        check_old(engine, pool, cache, vm)
        assert runtime.eval(f"dofile({paths[0]!r})".encode()) is not None
        if number % 5 == 0:
            check_new(paths[0])

    try:
        began = time.monotonic()
        for number in range(forks):
            fork(lambda: check(number))  # noqa: B023  # it is over before the next one
        print(f"{forks} forks, {time.monotonic() - began:.1f} s")
    finally:
        stop.set()
        for thread in work:
            thread.join()
        engine.close()
        pool.shutdown()
        vm.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
