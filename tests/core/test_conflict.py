"""On the own runtime a VM that had a word before a file with it was frozen gets a graft: rows and totals say so."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest

from moonscope.cache import runtime
from moonscope.commands import Clear, Close, Load, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.model import GenerationRow, LuaVersion, Sharing, Tier, VMOptions, VMRow

Write = Callable[[str, str | bytes], str]
pytestmark = pytest.mark.skipif(not runtime.has_own(LuaVersion.LUA54), reason="moonscope-runtime is not installed")

_serials = itertools.count()


class Scene:
    """VMs that have the words of a file in their own memory, and VMs that have not."""

    def __init__(self, engine: Engine, write: Write) -> None:
        self.engine = engine
        words = [f"conflict_{os.getpid()}_{next(_serials)}" for _ in range(40)]
        body = " ".join(f"{word} = '{word}'" for word in words)
        self.path = write(f"{words[0]}.lua", f"{body} function run() {body} end")
        self._make_up = "; ".join(f"box['{word[:9]}' .. '{word[9:]}'] = true" for word in words)

    def spawn(self, count: int) -> tuple[int, ...]:
        result = self.engine.perform(Spawn(count=count, options=VMOptions(sharing=Sharing.DIRECT)))
        return result.vms

    def make_up(self, vms: tuple[int, ...]) -> None:
        self.engine.perform(RunChunk(vms=vms, source=f"box = {{}} {self._make_up}"))

    def load(self, vms: tuple[int, ...]) -> None:
        self.engine.perform(Load(paths=(self.path,), vms=vms))

    @property
    def generation(self) -> GenerationRow:
        [row] = self.engine.changes(0).generations
        return row

    @property
    def vms(self) -> dict[int, VMRow]:
        return {row.id: row for row in self.engine.changes(0).vms}


@pytest.fixture
def scene(engine: Engine, write: Write) -> Scene:
    return Scene(engine, write)


def test_who_runs_a_graft_is_told_with_the_vm_and_with_the_generation(scene: Scene) -> None:
    old, young = scene.spawn(3), scene.spawn(2)
    scene.make_up(old)
    scene.load(young + old)
    assert (scene.generation.tier, scene.generation.holders, scene.generation.conflicts) == (Tier.DIRECT, 5, 3)
    vms = scene.vms
    assert [vms[id].conflicts for id in old + young] == [1, 1, 1, 0, 0]
    assert {row.tier for row in vms.values()} == {Tier.DIRECT}


def test_nobody_runs_a_graft_without_a_conflict(scene: Scene) -> None:
    scene.load(scene.spawn(2))
    assert (scene.generation.holders, scene.generation.conflicts) == (2, 0)
    assert [row.conflicts for row in scene.vms.values()] == [0, 0]


def test_a_second_load_runs_the_same_graft(scene: Scene) -> None:
    (old,), young = scene.spawn(1), scene.spawn(1)
    scene.make_up((old,))
    scene.load(young)
    for _ in range(3):
        scene.load((old,))
    assert (scene.generation.conflicts, scene.vms[old].conflicts) == (1, 1)


def test_a_graft_ends_with_its_vm_and_a_retired_generation_keeps_its_own(scene: Scene) -> None:
    old, young = scene.spawn(2), scene.spawn(1)
    scene.make_up(old)
    scene.load(young + old)
    scene.engine.perform(Clear())
    assert (scene.generation.holders, scene.generation.conflicts) == (3, 2)
    scene.engine.perform(Close(vms=old[:1]))
    assert (scene.generation.holders, scene.generation.conflicts) == (2, 1)


def test_a_graft_spares_less_and_is_measured(scene: Scene) -> None:
    old, young = scene.spawn(2), scene.spawn(2)
    scene.make_up(old)
    scene.load(young)
    (before,) = {scene.vms[id].memory for id in old}
    scene.load(old)
    scene.engine.measure()
    row = scene.generation
    assert row.private_bytes < row.conflict_bytes < row.unshared_bytes
    private = 2 * row.private_bytes + 2 * row.conflict_bytes
    assert row.saved_bytes == 4 * row.unshared_bytes - private - row.shared_bytes
    # What a VM really grew by: the first graft needs a few hundred bytes once per VM.
    for id in old:
        assert abs(scene.vms[id].memory - before - row.conflict_bytes) < 1500
    totals = scene.engine.cache(LuaVersion.LUA54).native.totals()
    # Strings of each VM that are shared:
    spared_by_words = totals.unshared_bytes - (totals.private_bytes + 4 * row.unshared_bytes - private)
    assert spared_by_words % len(scene.vms) == 0
    assert spared_by_words // len(scene.vms) > 1000
