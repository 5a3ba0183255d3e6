"""Random programs of spawn, load, keep, drop, evict, clear, collect and close; what is kept must stay as it was loaded.

Each seed makes one program, for one thread, of one cache. VMs keep modules, suspended coroutines, single functions and
single strings of files, of all versions that there ever were. After each step something that is kept is looked at; in
the end nothing may be left. Run by packaging/native_checks.py on a build that makes freed code unreadable and freed
strings wrong (hostile.c), so that whoever uses one ends the process or gets another answer. `--seed` runs one program
again: the last that was named.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import gc
import itertools
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from moonscope import _native
from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

STEPS = 150
FILES, SLOTS, VMS = 4, 6, 6
WORDS = 1_500  # as VM has it: of each version; strings are only looked for when thousands are unused
COMMON = 40  # as VM has it: that files choose from

FILE = """
local version, text = {version}, 'a text of version {version} that is longer than forty characters'
local M = {{version = version, object = setmetatable({{}}, {{__gc = function() last = 'word_{version}_1' end}})}}
function M.words() return {{{words}}} end
function M.common() return {{{common}}} end
local function fails(value_{version}) return value_{version}.field end
function M.check(...)
  local words, first, count = M.words(), ..., select('#', ...)
  for i = 1, {count}, 97 do if words[table.concat({{'word_', version, '_', i}})] ~= i then return 'words' end end
  for name in pairs(M.common()) do if not common[name] then return 'common' end end
  local done, why = pcall(fails)
  if done or not why:find("value_{version}", 1, true) or not why:find(M.path .. ':6:', 1, true) then return why end
  if debug.getinfo(M.check, 'S').source ~= '@' .. M.path then return 'source' end
  if text ~= 'a text of version ' .. version .. ' that is longer than forty characters' then return text end
  return (function() return first == version and count == 3 and 'right' or 'upvalues' end)()
end
function M.wait() local kept = 'word_{version}_2' coroutine.yield() return kept, M.check(version, 2, 3) end
return M
"""

# What VMs keep, by slot, and what they look at.
VM = """
common, kept = {}, {}
for i = 1, 40 do common['common_' .. i] = true end
local keep = {}
function keep.module(M) return function() return M.check(M.version, 2, 3) end end
function keep.only(M) local check, version = M.check, M.version return function() return check(version, 2, 3) end end
function keep.coroutine(M)
  local version, co = M.version, coroutine.create(M.wait)
  coroutine.resume(co)
  return function()
    local _, word, why = coroutine.resume(co)
    co = coroutine.create(M.wait)
    coroutine.resume(co)
    return word == table.concat({'word_', version, '_2'}) and why or 'coroutine'
  end
end
local function strings(found, version)
  return function()
    for i, word in pairs(found) do
      if word ~= table.concat({'word_', version, '_', i}) then return 'string' end
      if ({[word] = 1})[table.concat({'word_', version, '_', i})] ~= 1 then return 'string as key' end
    end
    return 'right'
  end
end
function keep.strings(M)
  local found = {}
  for word, i in pairs(M.words()) do if i % 50 == 0 then found[i] = word end end
  return strings(found, M.version)
end
function make_up(slot, version)
  local found = {}
  for i = 1, 1500, 7 do found[i] = table.concat({'word_', version, '_', i}) end
  kept[slot] = strings(found, version)
end
function take(slot, path, how, version)
  local M = dofile(path)
  M.path = path
  assert(M.version == version, 'another version')
  kept[slot] = keep[how](M)
end
function check()
  for _, look in pairs(kept) do
    local answer = look()
    if answer ~= 'right' then error('WRONG: ' .. tostring(answer)) end
  end
end"""

Run = Callable[[str], None]


class Program:
    def __init__(self, cache: CodeCache, folder: Path, seed: int, versions: itertools.count[int]) -> None:
        self.cache, self.random, self.versions = cache, random.Random(seed), versions
        self.current = {str(folder / f"{seed}-{number}.lua"): 0 for number in range(FILES)}
        self.stored: dict[str, int] = {}  # the versions that hits give
        self.vms: list[tuple[Run, LuaVM | None]] = []
        for path in self.current:
            self.write(path)

    def write(self, path: str) -> None:
        self.current[path] = version = next(self.versions)
        count = self.random.choice((3, WORDS))
        words = ", ".join(f"word_{version}_{i} = {i}" for i in range(1, count + 1))
        common = ", ".join(f"common_{i} = 1" for i in self.random.sample(range(1, COMMON + 1), 5))
        Path(path).write_text(FILE.format(version=version, words=words, common=common, count=count))

    def path(self) -> str:
        return self.random.choice(list(self.current))

    def some(self) -> tuple[Run, LuaVM | None]:
        if not self.vms:
            self.spawn()
        return self.random.choice(self.vms)

    def edit(self) -> None:
        self.write(self.path())

    def spawn(self) -> None:
        if len(self.vms) == VMS:
            self.close()
        vm = LuaVM(self.cache, VMOptions(lua=self.cache.lua))

        def run(source: str) -> None:
            result = vm.run(source)
            assert result.failure is None, result.failure

        run(VM)
        self.vms.append((run, vm))

    def attach(self) -> None:
        if len(self.vms) == VMS:
            self.close()
        state = self.cache.library.new_runtime()
        self.cache.attach(state)
        state.execute(VM.encode())
        self.vms.append((lambda source: state.execute(source.encode()), None))

    def close(self) -> None:
        if self.vms:
            _, vm = self.vms.pop(self.random.randrange(len(self.vms)))
            if vm is not None and self.random.random() < 0.8:
                vm.close()

    def take(self) -> None:
        path, (run, _) = self.path(), self.some()
        version = self.stored.setdefault(path, self.current[path])
        how = self.random.choice(("module", "only", "coroutine", "strings"))
        run(f"take({self.random.randrange(SLOTS)}, '{path}', '{how}', {version})")

    def drop(self) -> None:
        self.some()[0](f"kept[{self.random.randrange(SLOTS)}] = nil")

    def make_up(self) -> None:
        """Strings of a version that was or is to come, before it is stored, or when it may be about to be freed."""
        version = max(self.current.values()) + self.random.randrange(-6, 3)
        self.some()[0](f"make_up({self.random.randrange(SLOTS)}, {version})")

    def collect(self) -> None:
        how = self.random.choice(("", "'step'", "'generational'", "'incremental'"))
        self.some()[0](f"collectgarbage({how})")

    def answer(self) -> None:
        """As an engine has idle VMs do."""
        if self.cache.native.words_wait():
            for _, vm in self.vms:
                if vm is not None:
                    vm.answer()

    def evict(self) -> None:
        path = self.path()
        self.cache.evict(path)
        self.stored.pop(path, None)

    def clear(self) -> None:
        self.cache.clear()
        self.stored.clear()

    def reclaim(self) -> None:
        self.cache.evict()

    def look(self) -> None:
        for row in self.cache.generations():
            self.cache.payload(row.id)
        self.cache.native.measure()

    def check(self) -> None:
        self.some()[0]("check()")

    def go(self) -> None:
        acts = [self.take] * 8 + [self.drop] * 4 + [self.evict] * 3 + [self.edit] * 4 + [self.collect] * 4
        acts += [self.spawn, self.spawn, self.attach, self.close, self.clear, self.look]
        acts += [self.make_up] * 4 + [self.answer] * 2 + [self.reclaim] * 2
        for _ in range(STEPS):
            self.random.choice(acts)()
            self.check()
        while self.vms:
            self.check()
            self.close()
        gc.collect()
        self.cache.clear()


def caches() -> list[CodeCache]:
    made = []
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        made.append(CodeCache(lua, sharing=Sharing.GRAFT, own=False))
        if runtime.has_own(lua):
            made.append(CodeCache(lua, sharing=Sharing.DIRECT, own=True))
    return made


def shared(cache: CodeCache) -> int:
    """Bytes of code and strings."""
    return cache.native.totals().shared_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--guarded", action="store_true", help="the build must guard shared memory and spoil strings")
    parser.add_argument("--seed", type=int, help="run only this one, in each Lua and tier")
    options = parser.parse_args()
    faulthandler.enable()
    until, first, versions = time.monotonic() + options.seconds, time.time_ns() % 1_000_000_000, itertools.count(1)
    made = [(cache, shared(cache)) for cache in caches()]
    seeds = itertools.count(first) if options.seed is None else iter((options.seed,))
    count = 0
    for seed in seeds:
        for cache, before in made:
            print(f"\r{cache.lua} {cache.tier}: --seed {seed} ", end="", flush=True)
            with tempfile.TemporaryDirectory(prefix="programs-") as folder:
                Program(cache, Path(folder), seed, versions).go()
            assert not cache.generations(), cache.generations()
            assert shared(cache) == before, f"{shared(cache) - before} bytes of strings are left"
        count += 1
        if time.monotonic() > until:
            break
    print(f"\n{count} programs in each of {len(made)} caches", flush=True)
    if options.guarded:
        build = ctypes.CDLL(_native._moonscope.__file__)
        assert build.hostile_guarded() > 0 and build.hostile_spoilt() > 0, "nothing was guarded, or freed"


if __name__ == "__main__":
    main()
