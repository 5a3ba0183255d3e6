"""What a large cache costs, and that keys which are gone cost nothing. Run by packaging/native_checks.py keys.

First 50,000 files and 1,000 VMs against 10 files and as many VMs, and against 10 of each: one `return 1`, evicting one
file, an engine that idles. Then names for ever, a million in all: files are loaded by new names, cleared, and loaded by
newer ones; memory is compared within the run, its last quarter with the quarter after the warm-up.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Clear, Close, Load, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.model import Sharing, VMOptions
from moonscope.vms.vm import LuaVM

KEYS, VMS = 50_000, 1_000
ALL_NAMES, AT_ONCE = 1_000_000, 5_000
SLACK = 4 << 20  # bytes
IDLE = 10.0  # seconds
MORE = 1.2  # times the cost with few keys
MOST_IDLE = 0.02  # of a core


def write(folder: Path, count: int) -> list[str]:
    paths = [folder / f"{number}.lua" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"return {number}")
    return [str(path) for path in paths]


def best(times: int, act: Callable[[], object]) -> float:
    """ms of the fastest time."""
    costs = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        costs.append(time.perf_counter() - start)
    return min(costs) * 1e3


def costs(folder: Path, files: int, vms: int) -> tuple[float, float, float]:
    """ms of `return 1` and of an eviction, and the share of a core that the idle engine takes."""
    paths = write(folder, files)
    with Engine() as engine:
        engine.perform(Spawn(count=vms))
        first = (engine.changes(0).vms[0].id,)
        engine.perform(Load(paths=(str(folder),), vms=first))
        engine.measure()
        run = best(300, lambda: engine.perform(RunChunk(vms=first, source="return 1")))
        turn = itertools.cycle(paths)
        evict = best(min(files, 100), lambda: engine.perform(Clear(keys=(next(turn),))))
        time.sleep(2)
        start = time.process_time()
        time.sleep(IDLE)
        idle = (time.process_time() - start) / IDLE
        engine.perform(Close())
        engine.perform(Clear())
        left = engine.changes(0)
        assert not left.files and not left.generations, "rows of what is gone"
        overhead = engine.cache().native.totals().overhead_bytes
    with Engine() as fresh:
        empty = fresh.cache().native.totals().overhead_bytes
    assert overhead - empty < 100_000, f"the cache keeps {overhead - empty:,} bytes of {files:,} keys that are gone"
    print(f"{files:,} files, {vms:,} VMs: return 1 {run:.3f} ms, evict {evict:.3f} ms, idle {idle:.1%}", flush=True)
    return run, evict, idle


def names_for_ever(folder: Path, seconds: float) -> None:
    """Links to the same folder make new names of the same files."""
    names = [Path(path).name for path in write(folder / "files", AT_ONCE)]
    cache, process, sizes = CodeCache(sharing=Sharing.AUTO), psutil.Process(), []
    until = time.monotonic() + seconds
    for turn in range(ALL_NAMES // AT_ONCE):
        link = folder / f"turn {turn}"
        link.symlink_to(folder / "files")
        vm = LuaVM(cache, VMOptions())
        assert not vm.load(f"{link}/{name}".encode() for name in names)
        assert not vm.run(f"for i = 1, {AT_ONCE} do loadfile('{link}/nowhere/' .. i) end").failure
        vm.close()
        cache.clear()
        link.unlink()
        cache.native.drain()
        gc.collect()
        sizes.append(process.memory_info().rss)
        if time.monotonic() > until:
            break
    assert len(sizes) >= 8, f"only {len(sizes)} turns in {seconds} s: give it more time"
    quarter = len(sizes) // 4
    early, late = statistics.median(sizes[quarter : 2 * quarter]), statistics.median(sizes[-quarter:])
    said = f"{len(sizes) * AT_ONCE:,} names, and as many that fail: {early / 1e6:.1f} MB → {late / 1e6:.1f} MB"
    assert late - early < SLACK, f"memory grew: {said}"
    print(said, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="at most, for the names")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="moonscope-") as place:
        folders = [Path(place, name) for name in ("one", "two", "three", "four")]
        for folder in (*folders, folders[3] / "files"):
            folder.mkdir()
        small = costs(folders[0], 10, 10)
        few = costs(folders[1], 10, VMS)
        many = costs(folders[2], KEYS, VMS)
        names_for_ever(folders[3], options.seconds)
    for what, alone, here, there in zip(("return 1", "evict"), small, few, many, strict=False):
        print(f"{what}: {there / here:.2f} x of 10 files in {VMS:,} VMs, {there / alone:.2f} x of 10 files in 10 VMs")
    assert many[0] <= MORE * few[0], "`return 1` costs more with many files"
    assert many[1] <= MORE * few[1], "evicting a file costs more with many files"
    assert many[2] <= MOST_IDLE, f"an idle engine takes {many[2]:.1%} of a core"


if __name__ == "__main__":
    main()
