"""The measurements of engine and pool: two workers against one, a VM against a bare runtime. Rounds interleave."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from ..cache.code_cache import CodeCache
from ..commands import Clear, Close, Load, RunChunk, Spawn
from ..engine import Engine
from ..errors import MoonscopeError
from ..model import LuaVersion, VMOptions
from ..vms.vm import LuaVM
from ..vms.watchdog import Watchdog
from .bench_memory import affordable
from .bench_tiers import Rival
from .measure import Measure, Target
from .terminal import Advance

SPAWNED = 200  # VMs or runtimes per round
FILES, LOADERS = 500, (16, 1024)  # of the project that is loaded; the fewest and the most VMs that load it
CALIBRATION = 20.0  # seconds, at most, to find out how many VMs keep a worker busy
SHORTEST = 0.25  # seconds one worker is to be busy in a round: a few VMs would measure what comes after the loads

_COMPUTE = "local x = 0 for i = 1, 3000000 do x = x ~= i and i or x end"


def measure_workers(
    caches: Mapping[Rival, CodeCache], names: Sequence[bytes], folder: Path, rounds: int, advance: Advance
) -> list[Measure]:
    """Loads per second of two workers over those of one, in engines of their own; and loads per CPU time.

    As when a person opens a project: fresh VMs load its files by `Load`, from an empty cache. Loading the same files in
    the same VMs again and again would measure the engine's work after the loads, which is bounded, not the loads.
    The clock also sees what else runs on this machine; CPU time shows what the two do to each other, waiting apart.
    """
    lua = caches[Rival.OFF].lua
    paths = _project(names, folder)
    pairs = {own: [Engine(workers=n, own_runtime=own) for n in (1, 2)] for own in (False, True) if _tier(caches, own)}
    clock, cpu, possible = defaultdict(list), defaultdict(list), []
    try:
        count = {own: _loaders(engines, lua, paths) for own, engines in pairs.items()}
        computing = [_spawn(engine, lua, LOADERS[0] // 2) for engine in pairs[False]]
        for done in range(rounds):
            alone, both = (_run(engine, ids, _COMPUTE) for engine, ids in zip(pairs[False], computing, strict=True))
            possible.append(alone / both)
            for own, engines in pairs.items():
                (one, one_cpu), (two, two_cpu) = (_load(engine, lua, paths, count[own]) for engine in engines)
                clock[own].append(one / two)
                cpu[own].append(2 * one_cpu / two_cpu)
            advance(done + 1, rounds, "")
    finally:
        for engine in chain.from_iterable(pairs.values()):
            engine.close()
    what, target = "loads per second, two workers / one", Target(">=", 1.6)
    return [
        Measure("two workers / one, without loads: what the machine gives now", possible),
        *(Measure(what, clock[own], "x", _tier(caches, own), possible, target) for own in pairs),
        *(Measure("loads of two workers / one, per CPU time", cpu[own], "x", _tier(caches, own)) for own in pairs),
    ]


def _tier(caches: Mapping[Rival, CodeCache], own: bool) -> str:
    """The tier in force in an engine of Moonscope's own runtime, or of lupa's; empty when that is not compared."""
    if not any((rival is Rival.DIRECT) == own for rival in caches):
        return ""
    return CodeCache(caches[Rival.OFF].lua, own=own).tier.value


def _project(names: Sequence[bytes], folder: Path) -> tuple[str, ...]:
    """The files, and copies of them until there are FILES."""
    paths = [os.fsdecode(name) for name in names]
    for number in range(FILES - len(paths)):
        paths.append(str(folder / f"copy{number}.lua"))
        shutil.copyfile(paths[number], paths[-1])
    return tuple(paths)


def loaders(seconds_of: Callable[[int], float], now: Callable[[], float] = time.monotonic) -> int:
    """How many VMs keep one worker busy for long enough: doubled until `seconds_of` loading in so many says so.

    Only a time that was measured counts, no difference of two, which noise makes nothing or less. Raises MoonscopeError
    when it cannot be told with as many VMs, or in as much time, as there may be.
    """
    count, most = LOADERS
    end = now() + CALIBRATION
    while seconds_of(count) < SHORTEST:
        count *= 2
        if count > most or now() > end:
            raise MoonscopeError("too noisy to tell: no number of VMs keeps a worker busy for long enough")
    return count


def _loaders(engines: Sequence[Engine], lua: LuaVersion, paths: tuple[str, ...]) -> int:
    """See `loaders`. Warms both engines. Raises MoonscopeError too when that many VMs would fill the memory."""
    _load(engines[1], lua, paths, LOADERS[0])
    [vm] = _spawn(engines[1], lua, 1)
    engines[1].perform(Load(paths=paths, vms=(vm,)))
    [held] = [row.memory for row in engines[1].changes(0).vms if row.id == vm]
    engines[1].perform(Close(vms=(vm,)))

    def seconds_of(count: int) -> float:
        if affordable(count, held) < count:
            raise MoonscopeError(f"{count:,} VMs that load these files need more memory than is free")
        return _load(engines[0], lua, paths, count)[0]

    return loaders(seconds_of)


def _load(engine: Engine, lua: LuaVersion, paths: tuple[str, ...], count: int) -> tuple[float, float]:
    """Seconds until `count` fresh VMs have loaded every file, nothing being cached before; and of CPU."""
    vms = _spawn(engine, lua, count)
    engine.perform(Clear())
    gc.collect()  # or Python's full collection, 20 ms with a thousand VMs, falls always into the same engine's turn
    started, busy = time.perf_counter(), time.process_time()
    report = engine.perform(Load(paths=paths, vms=vms))
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    if report.failures:
        raise MoonscopeError("the workers could not be measured: a file did not load")
    engine.perform(Close(vms=vms))
    return seconds, cpu


def measure_spawning(caches: Mapping[Rival, CodeCache], rounds: int, advance: Advance) -> list[Measure]:
    """CPU time of a VM's making and end, and of one that comes through an engine (all its threads), against lupa's bare
    `LuaRuntime()` on the same Lua library."""
    options, watchdog = VMOptions(lua=caches[Rival.OFF].lua), Watchdog()  # shared, as the pool does
    spawned: dict[Rival, list[float]] = defaultdict(list)
    bare: dict[Rival, list[float]] = defaultdict(list)
    through: list[float] = []
    with Engine(workers=1, own_runtime=False) as engine:
        for done in range(rounds):
            for rival, cache in caches.items():
                bare[rival].append(_make(cache.library.module.LuaRuntime))
                spawned[rival].append(_make(partial(LuaVM, cache, options, watchdog=watchdog)))
            through.append(_make_through(engine, options.lua))
            advance(done + 1, rounds, "")
    what, target = "spawning and closing a VM, CPU time against a bare LuaRuntime", Target("<=", 1.2, "ratio")
    return [
        *(Measure(what, us, "µs", rival, bare[rival], target) for rival, us in spawned.items()),
        Measure("the same through the engine's mailboxes", through, "µs", plain=bare[Rival.OFF]),
    ]


def _make(make: Callable[[], object]) -> float:
    """CPU time per object in µs, its end included; the second time, so that each finds the heap that its like left."""
    _make_all(make)
    started = time.thread_time()
    _make_all(make)
    return (time.thread_time() - started) / SPAWNED * 1e6


def _make_all(make: Callable[[], object]) -> None:
    made = [make() for _ in range(SPAWNED)]
    for one in made:
        if isinstance(one, LuaVM):
            one.close()


def _make_through(engine: Engine, lua: LuaVersion) -> float:
    started = time.process_time()
    engine.perform(Close(vms=_spawn(engine, lua, SPAWNED)))
    return (time.process_time() - started) / SPAWNED * 1e6


def _spawn(engine: Engine, lua: LuaVersion, count: int) -> tuple[int, ...]:
    report = engine.perform(Spawn(count=count, options=VMOptions(lua=lua)))
    if len(report.vms) < count:
        raise MoonscopeError(f"only some of {count} VMs could be spawned; free some memory and try again")
    return report.vms


def _run(engine: Engine, vms: tuple[int, ...], source: str) -> float:
    """Seconds until every VM has run it."""
    started = time.perf_counter()
    engine.perform(RunChunk(vms=vms, source=source, chunkname="=bench"))
    return time.perf_counter() - started
