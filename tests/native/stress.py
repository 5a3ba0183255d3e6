"""Eight threads do to one cache whatever can be done to it, for some seconds. Run by packaging/native_checks.py.

Each library and tier of this environment has its turn. Ends with an error when a script saw something wrong, or when
code is left that nobody holds.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from moonscope import _native
from moonscope._native import _moonscope
from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.errors import MoonscopeError
from moonscope.model import CacheMode, LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

THREADS = 8
FILES = 30
LIVE_VMS = 24

FILE = """
local module = {{name = 'file {i}', number = {i}.25}}
local function nested(a, ...)
    local text, more = 'a text of file {i} that is longer than forty characters', select('#', ...)
    return function() return module.name, text, a, more end
end
function module.check(...)
    local name, text = nested(...)()
    -- the key is made up while the script runs, and must be the constant of this file
    local word = module[table.concat({{'word_', module.version}})]
    return name == 'file {i}' and #text > 40 and module.number == {i}.25 and word == 'a value'
end
module.version, module.word_{version} = '{version}', 'a value'
module.finalized = setmetatable({{}}, {{__gc = function() loadfile('{other}') end}})
return module
"""

CHECK = """
local module = dofile('{path}')
kept = kept or {{}}
kept[#kept % 50 + 1] = module
if not module.check(1, 2) then error('WRONG') end"""
WORK = """
for i = 1, 50 do
    local module = kept and kept[i]
    if module and not module.check(i) then error('WRONG') end
end
collectgarbage('step')"""
OWN_WORDS = """
words = words or {{}}
for version = {first}, {last} do words[table.concat({{'word_', version}})] = true end"""
ENDLESS = "while true do local t = {} coroutine.wrap(function() t.x = 1 end)() end"


class Stress:
    def __init__(self, cache: CodeCache, paths: list[str]) -> None:
        self.cache = cache
        self.paths = paths
        self.vms: list[LuaVM] = []
        self.turn = threading.Lock()  # of `vms`
        self.done = threading.Event()
        self.failures: list[BaseException] = []
        self.counts: dict[str, int] = {}
        self.versions = itertools.count(time.monotonic_ns())
        for path in paths:
            self.write(path)

    def write(self, path: str) -> None:
        """A new version, with a word of its own."""
        text = FILE.format(i=self.paths.index(path), version=next(self.versions), other=self.paths[0])
        part = Path(f"{path}.{threading.get_ident()}")
        part.write_text(text)
        part.replace(path)

    def some_vm(self, random: random.Random) -> LuaVM | None:
        with self.turn:
            return random.choice(self.vms) if self.vms else None

    def spawn(self, random: random.Random) -> None:
        vm = LuaVM(self.cache, VMOptions(lua=self.cache.lua, mode=random.choice((CacheMode.ON, CacheMode.EXIST))))
        with self.turn:
            self.vms.append(vm)

    def close(self, random: random.Random) -> None:
        with self.turn:
            vm = self.vms.pop(random.randrange(len(self.vms))) if len(self.vms) > 4 else None
        if vm is not None:
            vm.close()

    def load(self, random: random.Random) -> None:
        if vm := self.some_vm(random):
            failures = vm.load(path.encode() for path in random.sample(self.paths, 10))
            # Another thread may end it, meaning an endless script that has just ended.
            assert {failure.message for failure in failures} <= {"interrupted"}, failures

    def check(self, random: random.Random) -> None:
        if vm := self.some_vm(random):
            self.run(vm, CHECK.format(path=random.choice(self.paths)))
            self.run(vm, WORK)

    def run(self, vm: LuaVM, source: str) -> None:
        result = vm.run(source)
        assert result.failure is None or result.interrupted, result

    def endless(self, random: random.Random) -> None:
        """Ends by being interrupted, whenever it got its turn in that VM."""
        if (vm := self.some_vm(random)) is None:
            return
        over = threading.Event()

        def end() -> None:
            while not over.wait(0.02):
                vm.interrupt()

        ender = threading.Thread(target=end)
        ender.start()
        try:
            result = vm.run(ENDLESS)
            assert result.interrupted, result
        finally:
            over.set()
            ender.join()

    def attach(self, random: random.Random) -> None:
        runtime = self.cache.library.new_runtime()
        self.cache.attach(runtime)
        assert runtime.execute(b"return dofile(...).check(1)", random.choice(self.paths).encode()) is True

    def edit(self, random: random.Random) -> None:
        path = random.choice(self.paths)
        self.write(path)
        self.cache.evict(path)

    def use_words(self, random: random.Random) -> None:
        """A VM has the words of versions to come as strings of its own, before they are shared."""
        if vm := self.some_vm(random):
            version = next(self.versions)
            self.run(vm, OWN_WORDS.format(first=version + 1, last=version + random.randrange(1, 9)))

    def clear(self, random: random.Random) -> None:
        self.cache.clear(dry_run=random.random() < 0.3)

    def evict(self, random: random.Random) -> None:
        self.cache.evict(*random.sample(self.paths, 3))

    def look(self, random: random.Random) -> None:
        self.cache.files()
        for row in self.cache.generations():
            if random.random() < 0.1:
                try:
                    self.cache.payload(row.id)
                    self.cache.holders(row.id)
                except MoonscopeError:
                    continue  # freed meanwhile
        self.cache.counters()
        self.cache.native.vms()
        self.cache.native.drain()

    def thread(self, seed: int) -> None:
        own = random.Random(seed)
        choices = [self.spawn] * 6 + [self.load] * 8 + [self.check] * 8 + [self.close] * 4
        choices += [self.clear, self.evict, self.evict, self.look, self.attach, self.attach, self.endless]
        choices += [self.edit] * 3 + [self.use_words] * 3
        while not self.done.is_set():
            act = own.choice(choices)
            try:
                act(own)
                while len(self.vms) > LIVE_VMS:
                    self.close(own)
            except MoonscopeError:
                continue  # another thread closed that VM meanwhile
            except BaseException as failure:
                self.failures.append(failure)
                self.done.set()
                raise
            self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1

    def go(self, seconds: float) -> None:
        threads = [threading.Thread(target=self.thread, args=(seed,)) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        self.done.wait(seconds)
        self.done.set()
        for thread in threads:
            thread.join()
        for vm in self.vms:
            vm.close()
        gc.collect()
        self.cache.clear()
        left = self.cache.generations()
        print(f"{self.cache.library.module.__name__} {self.cache.tier}: {self.counts}", flush=True)
        assert not self.failures, self.failures
        assert not left, f"code that nobody holds: {left}"


def caches() -> Iterator[CodeCache]:
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        if runtime.has_own(lua):
            yield CodeCache(lua, sharing=Sharing.DIRECT, own=True)
        yield CodeCache(lua, sharing=Sharing.GRAFT, own=False)
    yield CodeCache(LuaVersion.LUA51, sharing=Sharing.BYTECODE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--guarded", action="store_true", help="the build must guard shared memory")
    options = parser.parse_args()
    wanted = os.environ.get("MOONSCOPE_NATIVE_BUILD", _moonscope.__file__)
    assert _moonscope.__file__ == wanted, f"{_moonscope.__file__} was imported, {wanted} was built"
    turns = list(caches())
    with tempfile.TemporaryDirectory(prefix="moonscope-") as folder:
        paths = [str(Path(folder, f"file{i}.lua")) for i in range(FILES)]
        for cache in turns:
            Stress(cache, paths).go(options.seconds / len(turns))
    if options.guarded:
        assert ctypes.CDLL(_native._moonscope.__file__).hostile_guarded() > 0, "nothing was guarded"


if __name__ == "__main__":
    main()
