"""Looking into VMs of an engine: it waits its turn, and finds the closures of one prototype in all VMs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Clear, Close, FindClosures, Interrupt, LookInto, RunChunk
from moonscope.engine import Engine
from moonscope.errors import CancelledError, NotFoundError
from moonscope.model import (
    ClosureCount,
    Context,
    LookStep,
    LuaVersion,
    StepKind,
    Update,
    VMState,
)
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
SpawnVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]

GLOBALS = LookStep(StepKind.GLOBALS)


# In the engine


def test_a_look_waits_until_the_vm_is_done_and_can_be_cancelled(
    engine: Engine, spawn: SpawnVMs, eventually: Eventually
) -> None:
    (vm,) = spawn()
    runner = threading.Thread(target=lambda: engine.perform(RunChunk((vm,), "while not stop do end")))
    runner.start()
    eventually(lambda update: update.vms[0].state is VMState.RUNNING)
    said: list[str] = []
    with pytest.raises(CancelledError):
        engine.perform(LookInto(vm=vm), Context(lambda _, __, text: said.append(text), lambda: bool(said)))
    assert said[0] == "look: 0 of 1 VMs"
    answers: list[Any] = []
    looker = threading.Thread(target=lambda: answers.append(engine.perform(LookInto(vm=vm))))
    looker.start()
    eventually(lambda update: update.vms[0].queued == 1)
    engine.perform(Interrupt((vm,)))
    looker.join()
    runner.join()


def test_a_look_leaves_the_state_of_the_vm(engine: Engine, spawn: SpawnVMs) -> None:
    (vm,) = spawn()
    engine.perform(RunChunk((vm,), "error('bad')"))
    engine.perform(LookInto(vm=vm, path=(GLOBALS,)))
    (row,) = engine.changes(0).vms
    assert row.state is VMState.FAILED
    assert row.failure is not None


def test_a_look_into_no_vm_is_refused(engine: Engine, spawn: SpawnVMs) -> None:
    (vm,) = spawn()
    engine.perform(Close((vm,)))
    with pytest.raises(NotFoundError, match=f"there is no VM {vm}"):
        engine.perform(LookInto(vm=vm))


# Closures of one prototype


def count(engine: Engine, generation: int, line: int, last_line: int) -> dict[int, int]:
    """Closures by VM; VMs that hold none left out."""
    answer = engine.perform(FindClosures(generation=generation, line=line, last_line=last_line))
    assert not any(found.cut for found in answer)
    return {found.vm: found.closures for found in answer if found.closures}


@pytest.mark.parametrize("version", tuple(LuaVersion))
def test_closures_are_found_wherever_they_are_kept(
    version: LuaVersion, engine: Engine, spawn: SpawnVMs, write: Write
) -> None:
    name = write("m.lua", "return function(n)\n  return function()\n    return n\n  end\nend")
    first, second, _ = spawn(3, lua=version)
    engine.perform(
        RunChunk(
            (first,),
            f"""
            new = dofile([[{name}]])
            list = {{new(1), inner = {{[new(2)] = true}}}}
            setmetatable(list, {{__index = new(3)}})
            local hidden = new(4)
            function keeper() return hidden end
            debug.getregistry()[1000] = new(5)
            list.self = list
        """,
        )
    )
    engine.perform(RunChunk((second,), f"dofile([[{name}]])"))
    (generation,) = (row.id for row in engine.changes(0).generations)
    assert count(engine, generation, 2, 4) == {first: 5}
    assert count(engine, generation, 1, 5) == {first: 1}
    assert count(engine, generation, 7, 7) == {}


@pytest.mark.parametrize("version", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_closures_of_other_generations_do_not_count(
    version: LuaVersion, engine: Engine, spawn: SpawnVMs, write: Write
) -> None:
    (vm,) = spawn(lua=version)
    for text in ("'old'", "'new'"):
        name = write("m.lua", f"kept = kept or {{}} kept[#kept + 1] = function() return {text} end")
        engine.perform(RunChunk((vm,), f"dofile([[{name}]])"))
        engine.perform(RunChunk((vm,), f"dofile([[{name}]])"))
        engine.perform(Clear())
    generations = sorted(row.id for row in engine.changes(0).generations)
    assert [count(engine, id, 1, 1) for id in generations] == [{vm: 2}, {vm: 2}]


def test_a_long_chain_is_walked_and_one_that_is_too_long_is_told(new_vm: NewVM, write: Write) -> None:
    cache = CodeCache()
    vm = new_vm(cache)
    name = write("m.lua", "return function() end")
    vm.run(f"last = {{}} chain = last for n = 1, 1500 do chain = {{chain}} end last[1] = dofile([[{name}]]) last = nil")
    assert vm.count_closures(1, 1, 1) == ClosureCount(vm.id, 1)
    vm.run("for n = 1, 5000 do chain = {chain} end")
    assert vm.count_closures(1, 1, 1).cut
    assert vm.run("return 1").values == ("1",)
