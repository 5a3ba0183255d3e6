"""How many machine instructions a cached load takes. Run by packaging/native_checks.py instructions.

Under valgrind's callgrind, which counts instructions and nothing else, so a busy machine does not change the figures.
Two ways of loading, of files that the cache has:

    second load    by a VM that holds them already
    next VM        by a VM that has not loaded them yet: the first load of each

A phase is a Lua loop of `loadfile` in one VM. The difference between a longer and a shorter loop, divided by the loads
that it has more, is what one load takes: the call and the loop among it, nothing of the start. Nothing is collected
meanwhile. `empty loop` has a function that does nothing in place of `loadfile`. What the C allocator takes is told
apart ("+"): it depends on which blocks it happens to have free, more than on who asks.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

FILES = 192
ROUNDS = (1, 6)  # of loads of all files, in the two phases that are compared
LUAS = (LuaVersion.LUA54, LuaVersion.LUA55)
TIERS = (Sharing.DIRECT, Sharing.GRAFT, Sharing.BYTECODE)
PHASES = ("empty loop", "second load", "next VM")
NO_COLLECTION = "collectgarbage() collectgarbage('stop')"
ALLOCATOR = re.compile(r"=(_int_\w+|malloc\w*|free|[rc]e?alloc|sysmalloc|unlink_chunk|alloc_perturb)(\.|$)")
SOURCE = "local t = {...} function made_%d(a, b) return t.name, a, b end return made_%d"
VALGRIND = ("valgrind", "--tool=callgrind", "--compress-strings=no", "--dump-before=getppid", "--combine-dumps=no")


def end_of_phase() -> None:
    """callgrind writes down what it counted when this function of the C library is entered, and begins anew."""
    os.getppid()


def chunk(paths: list[str], files: int, rounds: int, function: str) -> str:
    """Loads the first `files` of the files so many times. The text is alike but for the numbers."""
    names = ", ".join(f"{path!r}" for path in paths)
    return f"""
        local load, names = {function}, {{{names}}}
        for _ = 1, {rounds} do for i = 1, {files} do load(names[i]) end end"""


def succeed(vm: LuaVM, source: str) -> None:
    """Run it; it must not fail."""
    result = vm.run(source)
    assert result.failure is None, result.failure


def run(vm: LuaVM, source: str) -> None:
    """One phase: what the run takes, and before it what came since the last one."""
    end_of_phase()
    succeed(vm, source)
    end_of_phase()


def phases(cache: CodeCache, paths: list[str]) -> None:
    """Two of each kind, first the shorter one."""
    vm = LuaVM(cache, VMOptions(lua=cache.lua))
    assert not vm.load(path.encode() for path in paths)
    vm.run(NO_COLLECTION)
    for function in ("function() end", "loadfile"):
        for rounds in ROUNDS:
            vm.run(chunk(paths, FILES, rounds, function))
            run(vm, chunk(paths, FILES, rounds, function))
    for files in (FILES // ROUNDS[1], FILES):
        vm = LuaVM(cache, VMOptions(lua=cache.lua))
        vm.run(NO_COLLECTION)
        vm.run(chunk(paths, files, 1, "function() end"))
        run(vm, chunk(paths, files, 1, "loadfile"))


def count(lua: LuaVersion, sharing: Sharing, folder: Path) -> None:
    paths = []
    for number in range(FILES):
        path = folder / f"file{number}.lua"
        path.write_text(SOURCE % (number, number))
        paths.append(str(path))
    phases(CodeCache(lua, sharing=sharing, own=sharing is Sharing.DIRECT), paths)


def costs(dump: Path) -> Counter[bool]:
    """Instructions in a phase: in the C allocator (True), and elsewhere."""
    found: Counter[bool] = Counter()
    inside, calls = False, False
    for line in dump.read_text().splitlines():
        if line.startswith("fn="):
            inside = ALLOCATOR.search(line) is not None
        elif line.startswith("calls="):
            calls = True  # the next line tells what was called
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not calls:
                found[inside] += int(line.split()[1])
            calls = False
    return found


def dumps_of(arguments: Sequence[str], folder: Path) -> list[Counter[bool]]:
    """The costs between one `end_of_phase` and the next of a Python program; of its start first."""
    out = folder / "out"
    command = [*VALGRIND, f"--callgrind-out-file={out}", sys.executable, *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"valgrind ended with {done.returncode}:\n{done.stdout.decode(errors='replace')[-2000:]}")
    dumps = sorted(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    return [costs(dump) for dump in dumps]


def measured(lua: LuaVersion, sharing: Sharing, folder: Path) -> list[tuple[float, float]]:
    """Instructions per load, in the order of PHASES: outside the C allocator, and in it."""
    found = dumps_of([__file__, "--count", lua.value, sharing.value, str(folder)], folder)[1::2]  # no pauses
    more = FILES * (ROUNDS[1] - ROUNDS[0])
    loads = (more, more, FILES - FILES // ROUNDS[1])
    return [
        ((long[False] - short[False]) / count, (long[True] - short[True]) / count)
        for short, long, count in zip(found[::2], found[1::2], loads, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", nargs=3, metavar=("LUA", "SHARING", "FOLDER"), help="one workload, under callgrind")
    options = parser.parse_args()
    if options.count:
        count(LuaVersion(options.count[0]), Sharing(options.count[1]), Path(options.count[2]))
        return
    print(f"{'':<20}" + "".join(f"{phase:>22}" for phase in PHASES))
    for lua, sharing in itertools.product(LUAS, TIERS):
        if sharing is Sharing.DIRECT and not runtime.has_own(lua):
            print(f"Lua {lua.value}: moonscope-runtime is not installed, so tier direct is not measured")
            continue
        with tempfile.TemporaryDirectory(prefix="moonscope-") as folder:
            found = measured(lua, sharing, Path(folder))
        row = "".join(f"{f'{own:,.0f} + {allocator:,.0f}':>22}" for own, allocator in found)
        print(f"{f'Lua {lua.value} {sharing.value}':<20}{row}", flush=True)


if __name__ == "__main__":
    main()
