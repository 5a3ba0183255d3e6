"""What whole VMs take, by tier: spawning with a chain of modules, two that load at once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import _native
from ..cache.code_cache import CodeCache
from ..errors import MoonscopeError
from ..model import VMOptions
from ..vms.vm import LuaVM
from .bench_tiers import Rival
from .measure import Measure, Target
from .terminal import Advance

CHAIN, SPAWNED = 20, 10  # modules that require the next one; VMs per round
SLICE = 0.15  # seconds that one or two threads load
NAMES = 20_000  # per call into C: it takes milliseconds, what Python adds takes microseconds

_MODULE = """\
local M = {{ name = "link {n}", limit = {n} }}
function M.weigh(items)
  local sum = 0
  for _, item in ipairs(items) do sum = sum + (item.weight or M.limit) end
  return sum
end
function M.describe(item) return string.format("%s of %s", item.name, M.name) end
{following}
return M
"""

_COMPUTE = b"local x = 0 for i = 1, 1000000 do x = x ~= i and i or x end"  # milliseconds, and no memory


def measure_chain(caches: Mapping[Rival, CodeCache], folder: Path, rounds: int, advance: Advance) -> list[Measure]:
    """CPU time of a VM from spawn to the end of a `require` that leads to CHAIN modules."""
    for n in range(1, CHAIN + 1):
        following = f'M.next = require("link{n + 1}")' if n < CHAIN else ""
        (folder / f"link{n}.lua").write_text(_MODULE.format(n=n, following=following))
    taken: dict[Rival, list[float]] = defaultdict(list)
    for done in range(rounds):
        for rival, cache in caches.items():
            _chains(cache, folder, 1)  # fills the cache in the first round, warms in all
            taken[rival].append(_chains(cache, folder, SPAWNED) * 1e6)
        advance(done + 1, rounds, "")
    return [
        Measure(f"VM spawn with a chain of {CHAIN} requires", taken[rival], "µs", rival, taken[Rival.OFF])
        for rival in caches
    ]


def _chains(cache: CodeCache, folder: Path, count: int) -> float:
    """Seconds per VM, their end not counted."""
    options = VMOptions(lua=cache.lua, roots=(str(folder),))
    started, vms = time.thread_time(), []
    for _ in range(count):
        vms.append(LuaVM(cache, options))
        _check(vms[-1].run('require("link1")').failure)
    seconds = (time.thread_time() - started) / count
    for vm in vms:
        vm.close()
    return seconds


def measure_threads(
    caches: Mapping[Rival, CodeCache], names: Sequence[bytes], rounds: int, advance: Advance
) -> list[Measure]:
    """Hits per second of two threads with a VM each over those of one, beside what two threads that only compute get.

    By the clock, which also sees what else runs on this machine; and by CPU time, which shows what the two do to each
    other, waiting apart.
    """
    batch = b"\0".join((list(names) * (NAMES // len(names) + 1))[:NAMES])
    clock: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)

    def load(record: _native.VM) -> int:
        return record.load(batch, 0)[1]

    def compute(record: _native.VM) -> int:
        record.execute(_COMPUTE, b"=bench", 0)
        return 1

    shared = [rival for rival in caches if rival is not Rival.OFF]
    for done in range(rounds):
        for rival, work in [(Rival.OFF, compute), *((rival, load) for rival in shared)]:
            with _pair(caches[rival]) as records:
                for record in records:
                    work(record)
                alone, together = _rates(records[:1], work), _rates(records, work)
            clock[rival].append(sum(rate for rate, _ in together) / alone[0][0])
            cpu[rival].append(sum(rate for _, rate in together) / alone[0][1])
        advance(done + 1, rounds, "")
    target = Target(">=", 1.85)
    judged = {Rival.GRAFT: target, Rival.DIRECT: target}
    what, possible = "hits of two threads / one", clock[Rival.OFF]
    return [
        Measure("two threads / one, without loads: what the machine gives now", possible),
        *(Measure(what, clock[rival], "x", rival, possible, judged.get(rival)) for rival in shared),
        *(Measure("hits of two threads / one, per CPU time", cpu[rival], tier=rival) for rival in shared),
    ]


@contextmanager
def _pair(cache: CodeCache) -> Iterator[list[_native.VM]]:
    records = [cache.native.spawn(cache.new_id(), 0, 0, 0, b"", False, False, 0) for _ in range(2)]
    yield records
    for record in records:
        record.close()


def _rates(records: Sequence[_native.VM], work: Callable[[_native.VM], int]) -> list[tuple[float, float]]:
    """What `work` counts per second of the clock, and of CPU time, by each VM on a thread of its own."""
    rates: list[tuple[float, float]] = []
    start = threading.Barrier(len(records))

    def run(record: _native.VM) -> None:
        start.wait()
        count, began, busy = 0, time.perf_counter(), time.thread_time()
        while time.perf_counter() - began < SLICE:
            count += work(record)
        rates.append((count / (time.perf_counter() - began), count / (time.thread_time() - busy)))

    threads = [threading.Thread(target=run, args=(record,)) for record in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rates


def _check(failure: Any) -> None:
    if failure is not None:
        raise MoonscopeError(f"a script of the benchmark failed: {failure.message}")
