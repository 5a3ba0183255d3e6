"""10,000 times: spawn a VM, load files, run them, close; with clears in between. Memory must stay flat.

Run by packaging/native_checks.py, or by itself on any build. Memory is the process's (RSS), compared within the run:
its last quarter with the quarter after the warm-up.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

CYCLES = 10_000
FILES = 20
LOADS = 5
KEPT_VMS = 7
SAMPLES = 100
SLACK = 1 << 20  # bytes that the allocator of the system may keep; one leaked generation in a hundred cycles is more

FILE = "\n".join(
    f"function made_{i}_FILE(a, b) local t = {{name_{i} = a, b, {i}.5}} return t.name_{i}, 'text {i} of FILE', b end"
    for i in range(60)
)


def cycle(cache: CodeCache, vms: list[LuaVM], paths: list[str], number: int) -> None:
    vm = LuaVM(cache, VMOptions(lua=cache.lua))
    vms.append(vm)
    chosen = [paths[(number * LOADS + i) % len(paths)] for i in range(LOADS)]
    failures = vm.load(path.encode() for path in chosen)
    assert not failures, failures
    result = vm.run(f"dofile('{chosen[0]}') return made_59_{(number * LOADS) % len(paths)}('a')")
    assert result.values and result.values[0] == '"a"', result
    if len(vms) > KEPT_VMS:
        vms.pop(number % KEPT_VMS).close()
    if number % 50 == 0:
        cache.clear()
    if number % 7 == 0:
        cache.evict(chosen[1])


def go(cache: CodeCache, paths: list[str], seconds: float) -> str:
    """Cycles until they are done or the time is over. Raises AssertionError when memory grew."""
    vms: list[LuaVM] = []
    process, sizes, until = psutil.Process(), [], time.monotonic() + seconds
    for number in range(CYCLES):
        cycle(cache, vms, paths, number)
        if number % (CYCLES // SAMPLES) == 0:
            cache.native.drain()
            gc.collect()
            sizes.append(process.memory_info().rss)
            if time.monotonic() > until:
                break
    for vm in vms:
        vm.close()
    cache.clear()
    assert cache.generations() == []
    assert len(sizes) >= 8, f"only {len(sizes)} samples in {seconds} s: give it more time"
    quarter = len(sizes) // 4
    early, late = statistics.median(sizes[quarter : 2 * quarter]), statistics.median(sizes[-quarter:])
    said = f"{number + 1} cycles, {early / 1e6:.1f} MB → {late / 1e6:.1f} MB"
    assert late - early < SLACK, f"memory grew: {said}"
    return said


def caches() -> Iterator[CodeCache]:
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        if runtime.has_own(lua):
            yield CodeCache(lua, sharing=Sharing.DIRECT, own=True)
        yield CodeCache(lua, sharing=Sharing.GRAFT, own=False)
    for lua in (LuaVersion.LUA51, LuaVersion.LUAJIT21):
        yield CodeCache(lua, sharing=Sharing.BYTECODE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="at most, for all libraries together")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="moonscope-") as folder:
        paths = [str(Path(folder, f"file{i}.lua")) for i in range(FILES)]
        for i, path in enumerate(paths):
            Path(path).write_text(FILE.replace("FILE", str(i)))
        turns = list(caches())
        for cache in turns:
            print(f"{cache.library.module.__name__} {cache.tier}: {go(cache, paths, seconds / len(turns))}", flush=True)


if __name__ == "__main__":
    main()
