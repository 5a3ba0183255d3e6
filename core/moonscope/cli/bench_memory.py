"""Memory of whole processes: `python -m moonscope.cli.bench_memory LUA TIER VMS`, the file names on stdin.

A process of its own for each tier, so that nothing of another one lies in between. Names are joined by NUL. Prints
one JSON object, `Taken`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
import psutil
from msgspec import Struct

from ..cache.code_cache import CodeCache
from ..model import LuaVersion, VMOptions
from ..vms.vm import LuaVM
from ..vms.watchdog import Watchdog
from .bench_process import output_of
from .bench_tiers import Rival, make_cache
from .measure import Measure, Target, Unit
from .terminal import Advance

MIB = 1 << 20
SHARE = 0.3  # of the free memory, that one process may fill
BARE = 64 << 10  # bytes of a VM before it loads, generously


class Taken(Struct, frozen=True):
    """Bytes."""

    vms: int
    rss: int  # with all VMs loaded
    grown: int  # of it since before the first one
    shown: int  # what the engine shows for that: shared once, the memory of every VM, and the overhead
    shared: int
    returned: int  # of them, by clear and the end of the last holder
    allocated: int | None  # what the process's own allocator saw for the shared bytes; None where it cannot tell
    given_back: int | None


def measure_memory(
    caches: Mapping[Rival, CodeCache], names: Sequence[bytes], vms: Mapping[Rival, int], advance: Advance
) -> list[Measure]:
    """One process per tier, with so many VMs."""
    taken = {}
    for done, rival in enumerate(caches):
        taken[rival] = _in_process(caches[rival].lua, rival, vms[rival], names)
        advance(done + 1, len(caches), "")
    plain = taken[Rival.OFF]
    measures = []
    for rival, memory in taken.items():
        compared = [plain.rss / MIB] if plain.vms == memory.vms else []
        measures.append(_one(f"process (RSS) with {memory.vms:,} VMs", memory.rss / MIB, "MiB", rival, plain=compared))
    for rival, memory in taken.items():
        off = 100 * (memory.shown - memory.grown) / memory.grown
        measures.append(_one("shown sum off the process's growth by", abs(off), "%", rival, Target("<=", 10.0)))
    for rival, memory in taken.items():
        if memory.shared:
            share = 100 * memory.returned / memory.shared
            target = Target(">=", 99.0) if rival in (Rival.GRAFT, Rival.DIRECT) else None
            measures.append(_one("shared bytes returned by clear and last holder", share, "%", rival, target))
    for rival, memory in taken.items():
        if memory.shared and memory.allocated and memory.given_back is not None:
            share = 100 * memory.given_back / memory.allocated
            measures.append(_one("the same, as the C allocator sees it", share, "%", rival))
    return measures


def affordable(wanted: int, bytes_per_vm: float) -> int:
    """So many VMs that a good part of the free memory stays free."""
    return max(1, min(wanted, int(psutil.virtual_memory().available * SHARE / (bytes_per_vm + BARE))))


def _one(
    what: str, value: float, unit: Unit, rival: Rival, target: Target | None = None, plain: list[float] | None = None
) -> Measure:
    return Measure(what, [value], unit, rival, plain or [], target)


def _in_process(lua: LuaVersion, rival: Rival, vms: int, names: Sequence[bytes]) -> Taken:
    arguments = [lua.value, rival.value, str(vms)]
    return msgspec.json.decode(output_of(__name__, arguments, b"\0".join(names), f"tier {rival}"), type=Taken)


def main() -> int:
    """Measure memory in a process of its own; arguments: Lua, tier, VMs. Files come from stdin."""
    lua, rival, vms = LuaVersion(sys.argv[1]), Rival(sys.argv[2]), int(sys.argv[3])
    names = sys.stdin.buffer.read().split(b"\0")
    cache = make_cache(lua, rival)
    LuaVM(cache).close()
    shared, returned, allocated, given_back = _fill_and_clear(cache, names)
    gc.collect()
    _trim()
    process = psutil.Process()
    before, shown = process.memory_info().rss, _shown(cache)
    options, watchdog = VMOptions(lua=lua), Watchdog()  # shared, as the pool does
    spawned = [LuaVM(cache, options, watchdog=watchdog) for _ in range(vms)]
    for vm in spawned:
        vm.load(names)
        vm.collect()
    rss, after = process.memory_info().rss, _shown(cache)
    taken = Taken(vms, rss, rss - before, after - shown, shared, returned, allocated, given_back)
    sys.stdout.buffer.write(msgspec.json.encode(taken))
    sys.stdout.flush()
    os._exit(0)  # no need to close them one by one


def _shown(cache: CodeCache) -> int:
    """Shared bytes, the memory of all VMs and the overhead, as the engine adds them up."""
    totals = cache.native.totals()
    return totals[5] + totals[7] + totals[11]


def _fill_and_clear(cache: CodeCache, names: Sequence[bytes]) -> tuple[int, int, int | None, int | None]:
    """Shared bytes, those returned, and the same as the allocator sees it. The cache is empty before and after."""
    empty = _allocated()
    filler = LuaVM(cache)
    filler.load(names)
    filler.close()
    filled, shared = _allocated(), cache.native.totals()[5]
    holder = LuaVM(cache)
    holder.load(names)
    cache.clear()
    holder.close()
    cache.native.generations()  # a look brings the accounts up to date
    cleared, left = _allocated(), cache.native.totals()[5]
    if empty is None or filled is None or cleared is None:
        return shared, shared - left, None, None
    return shared, shared - left, filled - empty, filled - cleared


def _trim() -> None:
    """Give free memory back, where the C allocator can: when it is filled anew, the process does not grow."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class _Mallinfo(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def _allocated() -> int | None:
    """Bytes that the C allocator has given out; None where it has no such account."""
    gc.collect()
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return None
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks + info.hblkhd)


if __name__ == "__main__":
    sys.exit(main())
