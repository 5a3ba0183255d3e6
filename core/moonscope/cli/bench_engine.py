"""The measurements of engine and pool: two workers against one, a VM against a bare runtime. Rounds interleave."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ..cache import CodeCache
from ..engine import Engine
from ..errors import MoonscopeError
from ..model import LuaVersion, VMOptions
from ..protocol import Close, RunChunk, Runs, Spawn, Spawned
from ..vm import LuaVM
from ..watchdog import Watchdog
from .bench_tiers import Rival
from .measure import Measure, Target
from .terminal import Advance

LOADERS = 8  # VMs that load at the same time
SPAWNED = 200  # VMs or runtimes per round
SHORTEST = 0.25  # seconds one worker loads per round

_COMPUTE = "local x = 0 for i = 1, 3000000 do x = x ~= i and i or x end"


def measure_workers(lua: LuaVersion, names: Sequence[bytes], rounds: int, advance: Advance) -> list[Measure]:
    """Loads per second of two workers over those of one, in engines of their own; and loads per CPU time.

    The clock also sees what else runs on this machine; CPU time shows what the two do to each other, waiting apart.
    """
    engines = [Engine(workers=workers) for workers in (1, 2)]
    try:
        vms = [_spawn(engine, lua, LOADERS) for engine in engines]
        once, _ = _load_all(engines[0], vms[0], names, 1)  # warms both caches and tells how much makes a round
        _load_all(engines[1], vms[1], names, 1)
        repeats = max(1, round(SHORTEST / once))
        clock, cpu, possible = [], [], []
        for done in range(rounds):
            (one, one_cpu), (two, two_cpu) = (
                _load_all(engine, ids, names, repeats) for engine, ids in zip(engines, vms, strict=True)
            )
            clock.append(one / two)
            cpu.append(2 * one_cpu / two_cpu)
            bare_one, bare_two = (_run(engine, ids, _COMPUTE)[0] for engine, ids in zip(engines, vms, strict=True))
            possible.append(bare_one / bare_two)
            advance(done + 1, rounds, "")
    finally:
        for engine in engines:
            engine.close()
    return [
        Measure("two workers / one, without loads: what the machine gives now", possible),
        Measure("loads per second, two workers / one", clock, plain=possible, target=Target(">=", 1.6)),
        Measure("loads of two workers / one, per CPU time", cpu),
    ]


def measure_spawning(caches: Mapping[Rival, CodeCache], rounds: int, advance: Advance) -> list[Measure]:
    """CPU time of a VM, and of one that comes through an engine (all its threads), against lupa's bare `LuaRuntime`."""
    lua = caches[Rival.OFF].lua
    options, watchdog = VMOptions(lua=lua), Watchdog()  # shared, as the pool does
    spawned: dict[Rival, list[float]] = defaultdict(list)
    through: list[float] = []
    bare: list[float] = []
    with Engine(workers=1) as engine:
        for done in range(rounds):
            bare.append(_make(caches[Rival.OFF].library.new_runtime))
            for rival, cache in caches.items():
                spawned[rival].append(_make(partial(LuaVM, cache, options, watchdog=watchdog)))
            through.append(_make_through(engine, lua))
            advance(done + 1, rounds, "")
    measures = [
        Measure("spawning a VM, CPU time against a bare LuaRuntime", us, "µs", rival, bare, Target("<=", 1.2, "ratio"))
        for rival, us in spawned.items()
    ]
    return [*measures, Measure("the same through the engine's mailboxes", through, "µs", plain=bare)]


def _make(make: Callable[[], object]) -> float:
    """CPU time per object in µs, their end not counted."""
    started = time.thread_time()
    made = [make() for _ in range(SPAWNED)]
    us = (time.thread_time() - started) / SPAWNED * 1e6
    for one in made:
        if isinstance(one, LuaVM):
            one.close()
    return us


def _make_through(engine: Engine, lua: LuaVersion) -> float:
    started = time.process_time()
    vms = _spawn(engine, lua, SPAWNED)
    us = (time.process_time() - started) / SPAWNED * 1e6
    engine.perform(Close(vms=vms))
    return us


def _spawn(engine: Engine, lua: LuaVersion, count: int) -> tuple[int, ...]:
    result = engine.perform(Spawn(count=count, options=VMOptions(lua=lua)))
    if not isinstance(result, Spawned) or len(result.report.vms) < count:
        raise MoonscopeError(f"only some of {count} VMs could be spawned; free some memory and try again")
    return result.report.vms


def _load_all(engine: Engine, vms: tuple[int, ...], names: Sequence[bytes], repeats: int) -> tuple[float, float]:
    """Seconds until every VM has loaded every file `repeats` times, through `loadfile`, from Lua code; and of CPU."""
    listed = ", ".join(_quoted(name) for name in names)
    source = f"local names = {{{listed}}} for _ = 1, {repeats} do for i = 1, #names do loadfile(names[i]) end end"
    return _run(engine, vms, source)


def _run(engine: Engine, vms: tuple[int, ...], source: str) -> tuple[float, float]:
    """Seconds until every VM has run it; and of CPU."""
    started, busy = time.perf_counter(), time.process_time()
    result = engine.perform(RunChunk(vms=vms, source=source, chunkname="=bench"))
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    failed = next((run.failure for run in result.results if run.failure), None) if isinstance(result, Runs) else None
    if failed is not None:
        raise MoonscopeError(f"the workers could not be measured: {failed.message}")
    return seconds, cpu


def _quoted(name: bytes) -> str:
    """Any bytes as a string of Lua source."""
    return '"' + "".join(f"\\{byte:03d}" for byte in name) + '"'
