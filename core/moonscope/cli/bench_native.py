"""Loads as C sees them: no Python, no GIL, no Lua code that calls.

`_moonscope.bench_loads` makes fresh states and times their loads; `_moonscope.bench` compares, in one VM, a hit with
a bare undump of the same bytes, and with a hit that is neither counted nor logged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from .._native import _moonscope
from ..cache.code_cache import CodeCache
from ..errors import MoonscopeError, UnsupportedError
from ..model import LuaVersion, Sharing
from .bench_tiers import Rival
from .measure import Measure, Target, Unit
from .terminal import Advance

STATES, PASSES = 8, 4  # per round: the states of the second half find the CPU caches warm
PLAIN_STATES = 2  # for plain loads it makes no difference
EVENTS = 1 << 16

FIRST, HOT, COLD, SECOND, PRIVATE, SHARED = (
    "first load of a file",
    "next VM, load per file, cache-hot",
    "next VM, load per file, alternating with misses",
    "second load in one VM, per file",
    "private bytes added per VM",
    "shared bytes of the filled cache",
)

_TARGETS = {
    (FIRST, Rival.GRAFT): Target("<=", 1.15, "ratio"),
    (FIRST, Rival.DIRECT): Target("<=", 1.15, "ratio"),
    (HOT, Rival.GRAFT): Target("<=", 1 / 9, "ratio"),
    (HOT, Rival.DIRECT): Target("<=", 0.10),
    (COLD, Rival.GRAFT): Target("<=", 1 / 9, "ratio"),
    (COLD, Rival.DIRECT): Target("<=", 0.40),
    (SECOND, Rival.GRAFT): Target("<=", 0.3),
    (SECOND, Rival.DIRECT): Target("<=", 0.10),
    (PRIVATE, Rival.GRAFT): Target("<=", 0.48, "ratio"),
    (PRIVATE, Rival.DIRECT): Target("<=", 0.014, "ratio"),
    (SHARED, Rival.GRAFT): Target("<=", 0.65, "ratio"),
    (SHARED, Rival.DIRECT): Target("<=", 1.05, "ratio"),
}


def measure_loads(
    caches: Mapping[Rival, CodeCache], names: list[bytes], rounds: int, advance: Advance
) -> list[Measure]:
    """First and further loads in µs per file, and bytes; in every round each tier takes its turn."""
    taken: dict[tuple[str, Rival], list[float]] = defaultdict(list)
    off = caches[Rival.OFF]
    for done in range(rounds):
        for rival, cache in caches.items():
            for what, value in _one_round(cache, off, names).items():
                taken[what, rival].append(value)
        advance(done + 1, rounds, "")
    measures = []
    for what in (FIRST, HOT, COLD, SECOND, PRIVATE, SHARED):
        for rival in caches:
            values = taken[what, rival]
            if what != SHARED or any(values):
                plain = taken[PRIVATE if what == SHARED else what, Rival.OFF]
                unit: Unit = "KiB" if what in (PRIVATE, SHARED) else "µs"
                measures.append(Measure(what, values, unit, rival, plain, _TARGETS.get((what, rival))))
    return measures


def _one_round(cache: CodeCache, off: CodeCache, names: list[bytes]) -> dict[str, float]:
    """µs per file, and KiB."""
    cache.clear()
    [([first], _)] = _load(cache, names, 1, 1)
    count = PLAIN_STATES if cache is off else STATES
    states = _load(cache, names, count, PASSES)[count // 2 :]
    _load(off, names, 1, 1)
    [([cold], _)] = _load(cache, names, 1, 1)
    cache.native.drain(EVENTS)  # as the sampler would
    return {
        FIRST: first / 1e3,
        HOT: median(ns[0] for ns, _ in states) / 1e3,
        COLD: cold / 1e3,
        SECOND: median(each for ns, _ in states for each in ns[1:]) / 1e3,
        PRIVATE: states[-1][1] / 1024,
        SHARED: cache.native.totals()[5] / 1024,
    }


def _load(cache: CodeCache, names: list[bytes], states: int, passes: int) -> list[tuple[list[float], int]]:
    try:
        return _moonscope.bench_loads(cache.native, names, states, passes)
    except ValueError as error:
        raise MoonscopeError(f"a file that compiled before does not load any more: {error}") from error


def measure_recording(lua: LuaVersion, names: Sequence[bytes], rounds: int) -> list[Measure]:
    """Tier `bytecode` against a bare undump, and the best tier against itself without records, each in one VM. Raises
    UnsupportedError when no file could be stored."""
    try:
        taken = _moonscope.bench(CodeCache(lua, sharing=Sharing.BYTECODE, own=False).native, list(names), rounds)
    except ValueError as error:
        raise UnsupportedError(f"nothing to measure: {error}") from error
    hit = [hit / bare for bare, hit, _ in taken]
    best = CodeCache(lua, own=None)  # where a hit takes least, what records it shows
    recorded = [hit / quiet for _, hit, quiet in _moonscope.bench(best.native, list(names), rounds)]
    return [
        Measure("cached load / bare undump of the same bytes", hit, tier="bytecode", target=Target("<=", 1.1)),
        Measure("hit with counters and events / without", recorded, tier=best.tier, target=Target("<=", 1.03)),
    ]
