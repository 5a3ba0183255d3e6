"""Memory runs out on the Python side, and threads cannot be started, at one moment after the other.

An engine does a fixed piece of work again and again (spawn, load, run, interrupt, look, clear, close) while some of
Python's own allocations fail, or starts of threads. What fails must say so; after the failure has passed the engine
must answer, interrupts must work, and nothing may hang. Run by packaging/native_checks.py, and shortly by
test_failing_python.py; needs `_testcapi`, which CPython's own builds have.
"""

from __future__ import annotations

import _testcapi  # type: ignore[import-not-found]
import argparse
import faulthandler
import gc
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from moonscope.commands import Clear, Close, Collect, Interrupt, Load, LookInto, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.errors import MoonscopeError
from moonscope.model import LookStep, RunResult, StepKind, VMOptions, VMState

HANG = 15.0  # seconds after which the stacks are printed and the process ends
ENDLESS = "while true do end"


def work(engine: Engine, path: str) -> None:
    spawned = engine.perform(Spawn(count=2, options=VMOptions(boot="x = 1", time_budget=30.0)))
    engine.perform(Load(paths=(path,)))
    engine.perform(RunChunk(vms=(), source="print(x) return x"))
    for vm in spawned.vms:
        engine.perform(LookInto(vm=vm, path=(LookStep(StepKind.GLOBALS),)))
    engine.perform(Collect())
    engine.perform(Clear())
    engine.perform(Close())


def attempt(act: Callable[[], object]) -> str:
    """What it ended with: nothing, or the error."""
    try:
        act()
    except (MemoryError, MoonscopeError, RuntimeError) as error:  # "can't allocate lock"
        return type(error).__name__
    return ""


def while_memory_fails(act: Callable[[], object], first: int, count: int) -> str:
    """Python's allocations from `first` on fail, `count` of them."""

    def with_failures() -> None:
        try:
            _testcapi.set_nomemory(first, first + count)
            act()
        finally:
            _testcapi.remove_mem_hooks()

    return attempt(with_failures)


def while_threads_fail(act: Callable[[], object]) -> str:
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threading.Thread.start = fail  # type: ignore[method-assign, assignment]
    try:
        return attempt(act)
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


def check(engine: Engine) -> None:
    """The engine answers, a script is interrupted, and all VMs can be closed."""
    engine.perform(Close())
    while engine.changes(0).vms:  # of a spawn that failed, VMs are closed behind its back
        engine.perform(Close())
        engine.wait(engine.changes(0).revision, 0.02)
    engine.perform(Spawn(count=2))
    done = engine.perform(RunChunk(vms=(), source="1 + 1"))
    assert [result.values for result in done] == [("2",)] * 2, done
    results: list[tuple[RunResult, ...]] = []
    runner = threading.Thread(target=lambda: results.append(engine.perform(RunChunk(vms=(), source=ENDLESS))))
    runner.start()
    while not all(row.state is VMState.RUNNING for row in engine.changes(0).vms):
        assert runner.is_alive(), f"a script without end has ended: {results}"
        engine.wait(engine.changes(0).revision, 1.0)
    engine.perform(Interrupt())
    runner.join()
    [ended] = results
    assert all(result.interrupted for result in ended), ended
    engine.perform(Close())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    until = time.monotonic() + options.seconds
    outcomes: Counter[str] = Counter()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="moonscope-") as folder, Engine(interval=0.01) as engine:
        path = str(Path(folder, "file.lua"))
        Path(path).write_text("return {first = 'value'}")
        work(engine, path)
        while time.monotonic() < until:
            faulthandler.dump_traceback_later(HANG, exit=True)
            if dice.random() < 0.1:
                outcome = while_threads_fail(lambda: work(engine, path))
            else:
                first, count = int(10 ** dice.uniform(0, 4)), dice.choice((1, 1, 5, 50))
                outcome = while_memory_fails(lambda: work(engine, path), first, count)
            outcomes[outcome or "done"] += 1
            check(engine)
        faulthandler.cancel_dump_traceback_later()
    assert sum(outcomes.values()) > 3, outcomes
    print(f"{sum(outcomes.values())} times: {dict(outcomes)}")


if __name__ == "__main__":
    main()
