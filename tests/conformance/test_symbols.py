"""Several Luas in one process, one of them visible to every library: each goes on calling itself.

An embedder may load one of lupa's Luas with its names global (for Lua modules written in C), before or after ours. What
stock libraries of lupa's do then is lupa's affair; Moonscope's C part and its own runtime must not mind.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, importlib, os, sys

when, module, path = sys.argv[1:]

def make_global():
    ctypes.CDLL(importlib.import_module(module).__file__, os.RTLD_NOW | os.RTLD_GLOBAL)

if when == "before":
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)
    make_global()
    sys.setdlopenflags(os.RTLD_NOW)

from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion
from moonscope.cache.runtime import has_own

def share(lua, own):
    cache = CodeCache(lua, own=own)
    vms = [cache.library.new_runtime() for _ in range(3)]
    for vm in vms:
        cache.attach(vm)
        assert vm.execute(b"return dofile(...)(4)", path.encode()) == b"value 4"
    assert cache.counters().hits == 2
    assert vms[0].execute(b"return _VERSION") == b"Lua " + lua.encode()
    cache.clear()
    while vms:
        assert vms[0].execute(b"collectgarbage() return dofile(...)(5)", path.encode()) == b"value 5"
        vms.pop()
    return cache.tier.value

stock = LuaVersion.LUA54 if module == "lupa.lua54" else LuaVersion.LUA55
luas = [(stock, False)] + [(lua, True) for lua in (LuaVersion.LUA54, LuaVersion.LUA55) if has_own(lua)]
for turn in range(2):
    tiers = [share(lua, own) for lua, own in luas]
    make_global()
print(" ".join(tiers))
"""


@pytest.mark.parametrize("module", ["lupa.lua54", "lupa.lua55"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_library_calls_itself(when: str, module: str, tmp_path: Path) -> None:
    file = tmp_path / "file.lua"
    file.write_text("local text = 'value '  return function(n) return text .. n end")
    command = [sys.executable, "-X", "faulthandler", "-c", SCRIPT, when, module, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() in (["graft"], ["graft", "direct", "direct"])
