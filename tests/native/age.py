"""One VM that reloads a file for ever: edited, evicted, run again. What it holds must stay flat.

Run by packaging/native_checks.py, or by itself on any build. Compared are generations, the VM's memory and the
process's (RSS) after a tenth of the reloads, and at the end.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import psutil

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

SLACK = 4 << 20  # bytes of the process, for all reloads; they load a hundred times that

MOST_HELD = 256  # of generations; VMs let retired ones go a number at a time

BODY = "\n".join(
    f"function M.f{i}(a, b) local c = a .. 'text {i}' return c, b, 'text of more than forty characters, number {i}' end"
    for i in range(60)
)


def reload(cache: CodeCache, vm: LuaVM, path: Path, number: int) -> None:
    path.write_text(f"local M = {{}} {BODY}\nM.version = {number} return M")
    cache.evict(str(path))
    values = vm.run(f"M = dofile('{path}') return M.version, (M.f3('a'))").values
    assert values == (str(number), '"atext 3"'), values


def go(cache: CodeCache, path: Path, reloads: int) -> str:
    """Raises AssertionError when something grew."""
    vm, process, memory, size = LuaVM(cache, VMOptions(lua=cache.lua)), psutil.Process(), 0, 0
    for number in range(reloads):
        reload(cache, vm, path, number)
        if number in (reloads // 10, reloads - 1):
            vm.collect()
            cache.evict()  # frees what the collection let go
            held = len(cache.generations())
            assert held <= MOST_HELD, f"{held} generations after {number + 1} reloads"
            grown, memory = vm.memory - memory, vm.memory
            risen, size = process.memory_info().rss - size, process.memory_info().rss
    vm.close()
    assert grown < 4096, f"the VM grew by {grown} bytes"
    assert risen < SLACK, f"the process grew by {risen} bytes"
    return f"{reloads} reloads, the VM grew by {grown} bytes, the process by {risen}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=10_000)
    reloads = parser.parse_args().reloads
    for lua in (LuaVersion.LUA54, LuaVersion.LUA55):
        for own, sharing in ((False, Sharing.BYTECODE), (False, Sharing.GRAFT), (True, Sharing.DIRECT)):
            if own and not runtime.has_own(lua):
                continue
            with tempfile.TemporaryDirectory(prefix="age-") as folder:
                told = go(CodeCache(lua, sharing=sharing, own=own), Path(folder) / "m.lua", reloads)
            print(f"{lua} {sharing}: {told}", flush=True)


if __name__ == "__main__":
    main()
