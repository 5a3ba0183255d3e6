"""Run one of Lua's test files in this process and write down how it ended. Started by test_official.py.

    python run_one.py LUA LIBRARY TIER COLLECTOR SHARED FILE REPORT

The file, in the current folder, runs in a new VM of LIBRARY (`lupa`, or `own`: moonscope-runtime). TIER `stock` has no
cache at all; with any other, another VM has loaded the file before, so that what runs is shared. SHARED tells what else
goes through the cache: `everything` that the file loads, or the files of the `suite` only. The report is JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing

# Variables that the files ask for: no tests that need a certain system, and none that take long.
SETTINGS = b"local collector = ... _port = true _soft = true arg = {[0] = 'lua'} collectgarbage(collector)"

RUN = b"""local file, shared = ...
local main = assert(loadfile(file))
if shared == "suite" then
    local mode = require("codecache").mode
    for _, loader in ipairs{"loadfile", "dofile"} do
        local cached = _G[loader]
        _G[loader] = function(name, ...)
            mode(type(name) == "string" and name:find("^%w+%.lua$") and "ON" or "OFF")
            return cached(name, ...)
        end
    end
end
main()"""


def run(vm: Any, file: str, shared: str) -> str:
    """How the run ended: "finished", or Lua's error with its traceback."""
    try:
        vm.execute(RUN, file.encode(), shared.encode())
    except Exception as error:  # the library's LuaError; each has its own
        return " ".join(part.decode("latin-1") if isinstance(part, bytes) else str(part) for part in error.args)
    return "finished"


def run_stock(library: runtime.Library, collector: str, file: str) -> dict[str, object]:
    vm = library.new_runtime()
    vm.execute(SETTINGS, collector.encode())
    return {"ended": run(vm, file, "everything")}


def run_cached(cache: CodeCache, collector: str, shared: str, file: str) -> dict[str, object]:
    first, second = cache.library.new_runtime(), cache.library.new_runtime()
    cache.attach(first)
    cache.attach(second)
    first.execute(b"assert(loadfile(...))", file.encode())
    second.execute(SETTINGS, collector.encode())
    ended = run(second, file, shared)
    row = next(row for row in cache.files() if row.key == file)
    return {"ended": ended, "hits": row.counters.hits, "tiers": [row.tier for row in cache.generations()]}


def main(lua: str, library: str, tier: str, collector: str, shared: str, file: str, report: str) -> None:
    version, own = LuaVersion(lua), library == "own"
    if tier == "stock":
        outcome = run_stock(runtime.library(version, own), collector, file)
    else:  # binary chunks as in stock Lua: some files write and load them
        cache = CodeCache(version, sharing=Sharing(tier), own=own, allow_binary=True)
        outcome = run_cached(cache, collector, shared, file)
    Path(report).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
