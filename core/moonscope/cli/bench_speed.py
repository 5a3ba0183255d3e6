"""How fast shared code runs: `python -m moonscope.cli.bench_speed LUA TIERS`, the Lua source on stdin.

In several processes, with several VMs of each tier in each. A VM's hash seed decides which keys of a table collide, and
that makes some percent; on Moonscope's own runtime all VMs of a process have one seed, on lupa's Luas each has its own.
Where the system happens to put a library in memory matters too. Only what holds across processes is the tier's doing.
Prints one JSON object: µs by tier, and by PLAIN_OWN.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

import msgspec

from ..cache.code_cache import CodeCache
from ..errors import MoonscopeError
from ..model import LuaVersion, Sharing
from ..vms.vm import LuaVM
from .bench_process import output_of
from .bench_tiers import Rival, make_cache
from .measure import Measure, Target
from .terminal import Advance

PROCESSES = 7
STATES, ROUNDS = 3, 6  # VMs of each tier in a process; runs in each of them
PLAIN_OWN = "off, own runtime"

WHAT = "running code of string keys, loaded by the tier"
AGAINST_STOCK = "the same / loaded plainly by lupa's Lua"
AGAINST_OWN = "the same / loaded plainly on the same runtime"
TARGET = Target("<=", 1.03)

_STRING_KEYS = """\
local point = { x = 1, y = 2, label = "origin", next = { x = 3, y = 4 } }
local class = {}
class.__index = class
function class:move(dx, dy) self.x, self.y = self.x + dx, self.y + dy return self end
function class:length() return self.x * self.x + self.y * self.y end
local moved, sum = setmetatable({ x = 0, y = 0 }, class), 0
local counts = { alpha = 0, beta = 0, gamma = 0, delta = 0 }
for i = 1, 50000 do
  moved:move(point.x, point.next.y)
  sum = sum + moved:length() % 7
  counts.alpha = counts.alpha + 1
  counts[i % 2 == 0 and "beta" or "gamma"] = i
  if point.label == "origin" then counts.delta = counts.delta + point.y end
end
return sum
"""


def measure_speed(lua: LuaVersion, chosen: Iterable[Rival], rounds: int, advance: Advance) -> list[Measure]:
    """CPU time of code that is all string keys, and the ratios within each process. A value is that of one process."""
    rivals, processes = list(chosen), min(rounds, PROCESSES)
    taken: dict[str, list[float]] = defaultdict(list)
    for done in range(processes):
        arguments = [lua.value, ",".join(rivals)]
        output = output_of(__name__, arguments, _STRING_KEYS.encode(), "running speed")
        for kind, us in msgspec.json.decode(output, type=dict[str, float]).items():
            taken[kind].append(us)
        advance(done + 1, processes, "")
    plain, shared = taken[Rival.OFF], [rival for rival in rivals if rival in (Rival.GRAFT, Rival.DIRECT)]
    measures = [Measure(WHAT, taken[rival], "µs", rival, plain) for rival in rivals]
    measures += [Measure(AGAINST_STOCK, _ratios(taken[rival], plain), tier=rival, target=TARGET) for rival in shared]
    if own := taken.get(PLAIN_OWN):
        ratios = _ratios(taken[Rival.DIRECT], own)
        measures.append(Measure(AGAINST_OWN, ratios, tier=Rival.DIRECT, target=TARGET))
    return measures


def _ratios(values: Iterable[float], plain: Iterable[float]) -> list[float]:
    return [value / other for value, other in zip(values, plain, strict=True)]


def main() -> int:
    """Measure speed in a process of its own; arguments: Lua, tiers. A file's text comes from stdin."""
    lua, rivals = LuaVersion(sys.argv[1]), [Rival(name) for name in sys.argv[2].split(",")]
    caches: dict[str, CodeCache] = {rival: make_cache(lua, rival) for rival in rivals}
    if Rival.DIRECT in rivals:
        caches[PLAIN_OWN] = CodeCache(lua, sharing=Sharing.OFF, own=True)
    with tempfile.TemporaryDirectory(prefix="moonscope-bench-") as folder:
        file = Path(folder, "string_keys.lua")
        file.write_bytes(sys.stdin.buffer.read())
        sys.stdout.buffer.write(msgspec.json.encode(_run(caches, str(file))))
    return 0


def _run(caches: Mapping[str, CodeCache], file: str) -> dict[str, float]:
    """µs of CPU time, by kind: the best of each VM, the middle one of the VMs. The kinds take turns."""
    vms = [(kind, LuaVM(cache)) for _ in range(STATES) for kind, cache in caches.items()]
    best: dict[str, list[float]] = defaultdict(list)
    for _, vm in vms:
        _seconds(vm, f"run = loadfile [==[{file}]==] run()")  # compiles or gets it, and warms
    rounds = [[_seconds(vm, "run()") for _, vm in vms] for _ in range(ROUNDS)]
    for number, (kind, vm) in enumerate(vms):
        best[kind].append(min(round[number] for round in rounds) * 1e6)
        vm.close()
    return {kind: median(found) for kind, found in best.items()}


def _seconds(vm: LuaVM, source: str) -> float:
    started = time.thread_time()
    failure = vm.run(source).failure
    if failure is not None:
        raise MoonscopeError(f"a script of the benchmark failed: {failure.message}")
    return time.thread_time() - started


if __name__ == "__main__":
    sys.exit(main())
