"""Counts instructions under callgrind, where a clock would tell little: `instructions.py [--seeds N]`.

    string    a new short string: moonscope-runtime with 5,000 words in its vocabulary, against stock lupa
    spawn     a VM that requires 20 modules which the cache has

Each pair of figures is of a process with a hash seed of its own; its start is not counted.
Needs valgrind, stock lupa and moonscope-runtime. Fails when a new string costs more than 1.05 times that of stock lupa.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

sys.path.insert(0, str(Path(__file__).parent))
from hits import dumps_of, end_of_phase, run, succeed

LIMIT = 1.05
WORDS = 5000
MODULES = 20
STRINGS = 20_000
VMS = 20

MAKE_STRINGS = f"""
collectgarbage('stop')
local char = string.char
for i = 1, {STRINGS} do char(i & 255, i >> 8 & 255, i >> 16, 107) end
"""


def new_vm(cache: CodeCache) -> LuaVM:
    return LuaVM(cache, VMOptions(lua=cache.lua))


def fill(cache: CodeCache, folder: Path) -> LuaVM:
    """A VM that has loaded a file of many words, and the modules."""
    vm = new_vm(cache)
    words = folder / "words.lua"
    words.write_text("local t = {} " + " ".join(f"t.word_{i}_of = {i}" for i in range(WORDS)) + " return t")
    succeed(vm, f"loadfile('{words}')")
    for i in range(MODULES):
        fields = " ".join(f"function M.do_{i}_{k}(a) return a.field_{k} end" for k in range(20))
        (folder / f"module_{i}.lua").write_text(f"local M = {{}} {fields} return M")
    succeed(vm, requires(folder))
    return vm


def requires(folder: Path) -> str:
    return f"package.path = '{folder}/?.lua' for i = 0, {MODULES - 1} do require('module_' .. i) end"


def work(lua: LuaVersion, own: bool, folder: Path) -> None:
    """What is counted, in a process of its own: a phase of new strings, and one of VMs."""
    cache = CodeCache(lua, sharing=Sharing.DIRECT if own else Sharing.OFF, own=own)
    vm = fill(cache, folder)
    run(vm, MAKE_STRINGS)
    for _ in range(VMS):
        end_of_phase()
        succeed(new_vm(cache), requires(folder))
        end_of_phase()


def instructions(lua: LuaVersion, own: bool) -> tuple[float, float]:
    """Of a new string, and of a VM with the modules."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dumps = dumps_of([__file__, "--work", lua.value, str(int(own)), name], folder)
    strings, *vms = [sum(costs.values()) for costs in dumps[1::2]]
    return strings / STRINGS, sum(vms) / VMS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        lua, own, folder = options.work
        work(LuaVersion(lua), own == "1", Path(folder))
        return
    worst = 0.0
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        stock, ours = ([instructions(lua, own) for _ in range(options.seeds)] for own in (False, True))
        usual = statistics.mean(string for string, _ in stock)
        ratios = [string / usual for string, _ in ours]
        worst = max(worst, *ratios)
        spawns = [statistics.mean(vm for _, vm in found) for found in (stock, ours)]
        print(f"{lua}: new string: {usual:,.0f} on stock lupa, here {min(ratios):.3f} – {max(ratios):.3f} times that")
        print(f"     a VM with {MODULES} requires: {spawns[0]:,.0f} without sharing, {spawns[1]:,.0f} here")
    if worst > LIMIT:
        raise SystemExit(f"a new string costs {worst:.3f} times what it does on stock lupa")


if __name__ == "__main__":
    main()
