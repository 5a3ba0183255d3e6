"""Counts instructions under callgrind, where a clock would tell little: `instructions.py [--seeds N]`.

    string    a new short string: moonscope-runtime with 5,000 words in its vocabulary, against stock lupa
    spawn     a VM that requires 20 modules which the cache has

Each figure is the difference of two processes that do more and less of it. Every process has a hash seed of its own.
Needs valgrind, stock lupa and moonscope-runtime. Fails when a new string costs more than 1.05 times that of stock lupa.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

LIMIT = 1.05
WORDS = 5000
MODULES = 20

MAKE_STRINGS = """
collectgarbage('stop')
local char = string.char
for i = 1, {count} do char(i & 255, i >> 8 & 255, i >> 16, 107) end
"""


def new_vm(cache: CodeCache) -> LuaVM:
    return LuaVM(cache, VMOptions(lua=cache.lua))


def run(vm: LuaVM, source: str) -> None:
    result = vm.run(source)
    assert result.failure is None, result.failure


def fill(cache: CodeCache, folder: Path) -> LuaVM:
    """A VM that has loaded a file of many words, and the modules."""
    vm = new_vm(cache)
    words = folder / "words.lua"
    words.write_text("local t = {} " + " ".join(f"t.word_{i}_of = {i}" for i in range(WORDS)) + " return t")
    run(vm, f"loadfile('{words}')")
    for i in range(MODULES):
        fields = " ".join(f"function M.do_{i}_{k}(a) return a.field_{k} end" for k in range(20))
        (folder / f"module_{i}.lua").write_text(f"local M = {{}} {fields} return M")
    run(vm, requires(folder))
    return vm


def requires(folder: Path) -> str:
    return f"package.path = '{folder}/?.lua' for i = 0, {MODULES - 1} do require('module_' .. i) end"


def work(what: str, lua: LuaVersion, own: bool, count: int, folder: Path) -> None:
    """What is counted; in a process of its own."""
    cache = CodeCache(lua, sharing=Sharing.DIRECT if own else Sharing.OFF, own=own)
    vm = fill(cache, folder)
    if what == "string":
        run(vm, MAKE_STRINGS.format(count=count))
        return
    for _ in range(count):
        run(new_vm(cache), requires(folder))


def instructions(what: str, lua: LuaVersion, own: bool, count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__, "--work"]
        command += [what, lua.value, str(int(own)), str(count), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        raise SystemExit(done.stderr)
    return int(collected[1])


def each(what: str, lua: LuaVersion, own: bool, least: int, most: int) -> float:
    """Instructions of one."""
    return (instructions(what, lua, own, most) - instructions(what, lua, own, least)) / (most - least)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        what, lua, own, count, folder = options.work
        work(what, LuaVersion(lua), own == "1", int(count), Path(folder))
        return
    worst = 0.0
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        stock = each("string", lua, False, 1000, 21_000)
        ours = [each("string", lua, True, 1000, 21_000) for _ in range(options.seeds)]
        spawn = each("spawn", lua, True, 5, 25)
        worst = max(worst, *(one / stock for one in ours))
        print(f"{lua}: new string: stock {stock:.0f}, ours {statistics.mean(ours):.0f}, ratio ", end="")
        print(f"{min(ours) / stock:.3f} – {max(ours) / stock:.3f}; a VM with {MODULES} requires: {spawn:.0f}")
    if worst > LIMIT:
        raise SystemExit(f"a new string costs {worst:.3f} times what it does on stock lupa")


if __name__ == "__main__":
    main()
