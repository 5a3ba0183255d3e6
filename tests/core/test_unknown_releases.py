"""A Lua that Moonscope does not know works, by the tier that needs to know nothing of it, and everybody is told.

The unknown Lua is a copy of lupa's whose release string says another number.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import lupa
import pytest

from moonscope.cache import runtime
from moonscope.model import LuaVersion, Tier

SHARE = """
import json, sys
from moonscope.cache.code_cache import CodeCache
from moonscope.engine import Engine
from moonscope.errors import MoonscopeError
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.commands import Load, Spawn

lua, path = LuaVersion(sys.argv[1]), sys.argv[2]
with Engine(own_runtime=False) as engine:
    for vm in engine.perform(Spawn(count=2, options=VMOptions(lua=lua))).vms:
        engine.perform(Load(paths=(path,), vms=(vm,)))  # one after the other: side by side they would race
    seen = engine.changes(0)
try:
    CodeCache(lua, sharing=Sharing.GRAFT)
except MoonscopeError as error:
    refused = str(error)
print(json.dumps({
    "release": dict(seen.settings.luas)[lua],
    "told": [[tier, why] for known, tier, why in seen.settings.tiers if known == lua],
    "vms": [row.tier for row in seen.vms],
    "files": [row.tier for row in seen.generations],
    "hits": sum(row.counters.hits for row in seen.vms),
    "refused": refused,
}))
"""


def with_release(folder: Path, module: str, known: bytes, other: bytes) -> dict[str, str]:
    """An environment in which lupa's module tells another release."""
    shutil.copytree(Path(lupa.__file__).parent, folder / "lupa")
    [library] = (folder / "lupa").glob(f"{module}.*so")
    content = library.read_bytes()
    assert content.count(known + b"  Copyright") == 1
    library.write_bytes(content.replace(known + b"  Copyright", other + b"  Copyright"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}


@pytest.mark.parametrize("lua", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_an_unknown_release_falls_back_to_bytecode_and_says_so(lua: LuaVersion, tmp_path: Path) -> None:
    known = runtime.library(lua, own=False).release
    other = known[:-1] + "9"
    environment = with_release(tmp_path, f"lua{lua.replace('.', '')}", known.encode(), other.encode())
    file = tmp_path / "file.lua"
    file.write_text("return 'value'")
    command = [sys.executable, "-c", SHARE, lua, str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    why = f"the memory layout of {other} is not known to Moonscope"
    assert told == {
        "release": other,
        "told": [["bytecode", why]],
        "vms": ["bytecode"] * 2,
        "files": ["bytecode"],
        "hits": 1,
        "refused": f"Lua {lua} cannot share by graft here: {why}",
    }


def test_a_runtime_of_another_version_is_no_unknown_lua() -> None:
    why = runtime._why(LuaVersion.LUA54, Tier.GRAFT, "Lua 5.4.8", own=True)
    assert why == "the moonscope-runtime that is installed belongs to another version of Moonscope"
