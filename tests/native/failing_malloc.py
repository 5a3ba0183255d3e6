"""Every allocation of the C part fails, one after the other. Run by packaging/native_checks.py, on a hostile build.

For each library and tier, one fixed piece of work (a cache, VMs, loads, a clear, snapshots) is done again and again,
and each time another allocation fails: once, or together with all after it. What fails must say so, or be made up for;
nothing may leak; and without failures the same work must succeed right after.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from moonscope._native import _moonscope
from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.errors import MoonscopeError
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

MODULE = """
local words = {first = 'value', [1.5] = true, long = 'a string of more than forty characters: a long one', WORDS}
function global_name(a, ...) local n = select('#', ...) return words.first, a, n, function() return words, n end end
return words
"""

LOAD = b"local f, message = loadfile(...) if f then return f().first end return message"

serials = itertools.count()

hostile = ctypes.CDLL(_moonscope.__file__)
hostile.hostile_fail.argtypes = [ctypes.c_long, ctypes.c_bool]
for counter in (hostile.hostile_calls, hostile.hostile_live):
    counter.restype = ctypes.c_long


Way = tuple[LuaVersion, Sharing, bool]


class Work:
    """What is tried with a failing allocator. Errors are noted: `MemoryError`, Lua's, and those of the engine."""

    def __init__(self, way: Way, paths: list[str], word: str) -> None:
        self.way = way
        self.paths = paths
        self.word = word  # of one of the files; not frozen yet
        self.errors: list[str] = []
        self.attempt(self.go)

    def attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (MemoryError, MoonscopeError) as error:
            self.errors.append(repr(error))

    def go(self) -> None:
        lua, sharing, own = self.way
        cache = CodeCache(lua, sharing=sharing, own=own, max_files=len(self.paths) - 1)
        for clear in (cache.clear, lambda: cache.evict(self.paths[0])):
            self.attempt(lambda: self.attach_and_load(cache))
            self.attempt(lambda: self.spawn_and_run(cache))
            looks = (cache.files, cache.generations, cache.counters, cache.native.vms, cache.native.drain)
            for look in (*looks, lambda: cache.native.changes(0), lambda: cache.native.changes(1)):
                self.attempt(look)
            self.attempt(lambda: [cache.payload(row.id) for row in cache.generations()])
            self.attempt(lambda: cache.compile(self.paths[0]))
            self.attempt(clear)

    def attach_and_load(self, cache: CodeCache) -> None:
        vm = cache.library.new_runtime()
        cache.attach(vm)
        vm.execute(b"own = ...", self.word.encode())  # `direct` cannot share that file with this VM
        for path in (*self.paths, *self.paths, "missing.lua"):
            loaded = vm.execute(LOAD, path.encode())
            if loaded != b"value":
                self.errors.append(loaded.decode())

    def spawn_and_run(self, cache: CodeCache) -> None:
        vm = LuaVM(cache, VMOptions(lua=cache.lua))
        try:
            self.errors += [failure.message for failure in vm.load(path.encode() for path in self.paths)]
            for path in self.paths:
                result = vm.run(f"print(dofile('{path}').first) return global_name(1, 2)")
                if result.failure is not None:
                    self.errors.append(result.failure.message)
            vm.run("error('expected')")
        finally:
            vm.close()


def allowed(error: str) -> bool:
    """Is it an error that says what happened, or the one that always happens?"""
    return "memory" in error.lower() or "missing.lua" in error


def once(way: Way, paths: list[str], number: int = 0, forever: bool = False) -> tuple[list[str], int]:
    """Do the work while the given allocation fails; the errors, and how many allocations there were."""
    gc.collect()
    for path in paths:  # new words each time, for the vocabulary of `direct`
        word = f"word_{next(serials)}"
        Path(path).write_text(MODULE.replace("WORDS", f"{word} = 1, {word}_again = 2, {word}_once_more = 3"))
    hostile.hostile_fail(number, forever)
    errors = Work(way, paths, word).errors
    calls = hostile.hostile_calls()
    hostile.hostile_fail(0, False)
    gc.collect()
    return errors, calls


def step_through(way: Way, paths: list[str], until: float) -> str:
    for _ in range(2):  # also makes what is made once
        usual, calls = once(way, paths)
    assert usual and all("missing.lua" in error for error in usual), usual
    assert calls > 50, f"only {calls} allocations: is this a hostile build?"
    live = hostile.hostile_live()
    failed = 0
    for number in random.Random(calls).sample(range(1, calls + 1), calls):  # in any order: there may be no time for all
        for forever in (False, True):
            name = f"{way}, allocation {number}{' and all after it' if forever else ''}"
            errors, _ = once(way, paths, number, forever)
            strange = [error for error in errors if not allowed(error)]
            assert not strange, f"{name}: {strange}"
            after, _ = once(way, paths)
            assert after == usual, f"{name}: then the work does not succeed any more: {after}"
            leaked = hostile.hostile_live() - live
            assert leaked == 0, f"{name}: {leaked} blocks leaked"
        failed += 1
        if time.monotonic() > until:
            break
    return f"{failed} of {calls} allocations failed"


def ways() -> Iterator[Way]:
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        if runtime.has_own(lua):
            yield lua, Sharing.DIRECT, True
        yield lua, Sharing.GRAFT, False
    for lua in (LuaVersion.LUA51, LuaVersion.LUA53, LuaVersion.LUAJIT21):
        yield lua, Sharing.BYTECODE, False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    assert _moonscope.__file__ == os.environ["MOONSCOPE_NATIVE_BUILD"], _moonscope.__file__
    with tempfile.TemporaryDirectory(prefix="moonscope-") as folder:
        paths = [str(Path(folder, f"file{i}.lua")) for i in range(3)]
        turns = list(ways())
        gc.freeze()  # what is there stays, and need not be looked at each time
        for turn in turns:
            until = time.monotonic() + seconds / len(turns)
            print(f"{turn[0]} {turn[1]}: {step_through(turn, paths, until)}", flush=True)


if __name__ == "__main__":
    main()
