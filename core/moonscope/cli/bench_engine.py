"""The measurements of engine and pool: two workers against one, a VM against a bare runtime. Rounds interleave."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .. import runtime
from ..cache import CodeCache
from ..engine import Engine
from ..errors import MoonscopeError
from ..model import LuaVersion, VMOptions
from ..protocol import Close, RunChunk, Runs, Spawn, Spawned
from ..vm import LuaVM
from .measure import Measure

LOADERS = 8  # VMs that load at the same time
SPAWNED = 200  # VMs or runtimes per round
SHORTEST = 0.25  # seconds one worker loads per round


def measure_workers(lua: LuaVersion, names: Sequence[bytes], rounds: int) -> list[Measure]:
    """Loads per second of two workers over those of one, in engines of their own."""
    engines = [Engine(workers=workers) for workers in (1, 2)]
    try:
        vms = [_spawn(engine, lua, LOADERS) for engine in engines]
        once = _load_all(engines[0], vms[0], names, 1)  # warms both caches and tells how much makes a round
        _load_all(engines[1], vms[1], names, 1)
        repeats = max(1, round(SHORTEST / once))
        ratios = []
        for _ in range(rounds):
            one, two = (_load_all(engine, ids, names, repeats) for engine, ids in zip(engines, vms, strict=True))
            ratios.append(one / two)
    finally:
        for engine in engines:
            engine.close()
    return [Measure("loads per second, two workers / one", ">=", 1.6, ratios)]


def measure_spawning(lua: LuaVersion, rounds: int) -> list[Measure]:
    """CPU time of a VM over that of a bare `LuaRuntime`; and of a VM that comes through the engine, all threads."""
    cache = CodeCache(lua)
    engine = Engine(workers=1)
    try:
        bare, direct, through = [], [], []
        for _ in range(rounds):
            bare.append(_make(lambda: runtime.library(lua).new_runtime()))
            direct.append(_make(lambda: LuaVM(cache)))
            started = time.process_time()
            vms = _spawn(engine, lua, SPAWNED)
            through.append((time.process_time() - started) / SPAWNED)
            engine.perform(Close(vms=vms))
    finally:
        engine.close()
    return [
        Measure("spawning a VM / a bare LuaRuntime, CPU time", "<=", 1.2, _ratios(direct, bare)),
        Measure("the same through the engine's mailboxes", "", 0.0, _ratios(through, bare)),
    ]


def _ratios(taken: Sequence[float], reference: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(taken, reference, strict=True)]


def _make(make: Callable[[], object]) -> float:
    """Seconds of this thread per object, their end not counted."""
    started = time.thread_time()
    made = [make() for _ in range(SPAWNED)]
    seconds = (time.thread_time() - started) / SPAWNED
    for one in made:
        if isinstance(one, LuaVM):
            one.close()
    return seconds


def _spawn(engine: Engine, lua: LuaVersion, count: int) -> tuple[int, ...]:
    result = engine.perform(Spawn(count=count, options=VMOptions(lua=lua)))
    if not isinstance(result, Spawned) or len(result.report.vms) < count:
        raise MoonscopeError(f"only some of {count} VMs could be spawned; free some memory and try again")
    return result.report.vms


def _load_all(engine: Engine, vms: tuple[int, ...], names: Sequence[bytes], repeats: int) -> float:
    """Seconds until every VM has loaded every file `repeats` times, through `loadfile`, from Lua code."""
    listed = ", ".join(_quoted(name) for name in names)
    source = f"local names = {{{listed}}} for _ = 1, {repeats} do for i = 1, #names do loadfile(names[i]) end end"
    started = time.perf_counter()
    result = engine.perform(RunChunk(vms=vms, source=source, chunkname="=bench"))
    seconds = time.perf_counter() - started
    failed = next((run.failure for run in result.results if run.failure), None) if isinstance(result, Runs) else None
    if failed is not None:
        raise MoonscopeError(f"the loads could not be measured: {failed.message}")
    return seconds


def _quoted(name: bytes) -> str:
    """Any bytes as a string of Lua source."""
    return '"' + "".join(f"\\{byte:03d}" for byte in name) + '"'
