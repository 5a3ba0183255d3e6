"""Idle VMs hold nothing up: what only they could still refer to is found out without them running anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.commands import Clear, Load, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.model import LuaVersion, Update, VMOptions

Eventually = Callable[[Callable[[Update], object]], Update]

STRINGS = 6000  # more than there must be unused before the cache asks who refers to them


@pytest.mark.parametrize("version", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_strings_of_files_that_are_gone_are_freed_beside_an_idle_vm(
    version: LuaVersion, engine: Engine, eventually: Eventually, tmp_path: Path
) -> None:
    if not runtime.has_own(version):
        pytest.skip("moonscope-runtime is not installed; without it VMs share no strings")
    busy, idle = engine.perform(Spawn(count=2, options=VMOptions(lua=version))).vms
    engine.perform(RunChunk((idle,), "return 1"))
    path = tmp_path / "strings.lua"
    first = 0
    for number in range(8):
        path.write_text("return {" + ",".join(f"'{number}_{i}'" for i in range(STRINGS)) + "}")
        engine.perform(Load(paths=(str(path),), vms=(busy,)))
        first = first or engine.cache(version).native.totals().shared_bytes
        engine.perform(Clear())
        engine.perform(RunChunk((busy,), "collectgarbage() collectgarbage()"))
    update = eventually(lambda update: update.samples and update.samples[-1].shared_bytes < 3 * first)
    assert update.samples[-1].vms == 2
