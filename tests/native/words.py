"""One VM reloads a file that has other words each time, 20 million in all. They are freed, their numbers used again.

The VM lives all the time, so its collector has to tell that it has none of the old words. Run by
packaging/native_checks.py, or by itself on any build. Compared are the most bytes that the cache counted, and that the
process had (RSS), in the first half of the time and in the second.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

FUNCTIONS, WORDS = 10, 2_000  # of a file, and of each of its functions
SLACK = 8 << 20  # bytes: 200,000 words

RELOAD = """
local tables = dofile('{path}')()
for number, found in ipairs(tables) do
  for i = 1, {words} do -- made up here, these must be the words of the file
    if found['word_{turn}_' .. number .. '_' .. i] ~= i then error('WRONG') end
  end
end
return #tables"""


def text(turn: int) -> str:
    functions = []
    for number in range(1, FUNCTIONS + 1):
        fields = ", ".join(f"word_{turn}_{number}_{i} = {i}" for i in range(1, WORDS + 1))
        functions.append(f"(function() return {{{fields}}} end)()")
    return f"return function() return {{{', '.join(functions)}}} end"


def counted(cache: CodeCache) -> int:
    """Bytes of code, words, and what is beside them."""
    totals = cache.native.totals()
    return totals.shared_bytes + totals.overhead_bytes


def go(cache: CodeCache, path: Path, words: int) -> str:
    """Raises AssertionError when something grew, or a file was stored in another way than the first."""
    vm, process = LuaVM(cache, VMOptions(lua=cache.lua)), psutil.Process()
    turns = max(words // (FUNCTIONS * WORDS), 10)
    sizes: list[tuple[int, int]] = []
    for turn in range(turns):
        path.write_text(text(turn))
        cache.evict(str(path))
        result = vm.run(RELOAD.format(path=path, turn=turn, words=WORDS))
        assert result.values == (str(FUNCTIONS),), result
        vm.collect()
        sizes.append((counted(cache), process.memory_info().rss))
    assert {row.tier for row in cache.generations()} == {cache.tier}, cache.generations()
    vm.close()
    first, last = (list(map(max, zip(*half, strict=True))) for half in (sizes[: turns // 2], sizes[turns // 2 :]))
    grown, risen = last[0] - first[0], last[1] - first[1]
    told = f"{turns * FUNCTIONS * WORDS:,} words, the cache grew by {grown:,} bytes, the process by {risen:,}"
    assert max(grown, risen) < SLACK, told
    return told


def caches() -> Iterator[CodeCache]:
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        yield CodeCache(lua, sharing=Sharing.GRAFT, own=False)
        if runtime.has_own(lua):
            yield CodeCache(lua, sharing=Sharing.DIRECT, own=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=20_000_000, help="of each Lua and tier")
    words = parser.parse_args().words
    for cache in caches():
        with tempfile.TemporaryDirectory(prefix="words-") as folder:
            print(f"{cache.lua} {cache.tier}: {go(cache, Path(folder) / 'm.lua', words)}", flush=True)


if __name__ == "__main__":
    main()
