"""Runs that take long share the processors and the workers, and no script can tell that it was paused."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, RunResult, VMOptions
from moonscope.vms.mailbox import Actor, Batch, Job
from moonscope.vms.time_slices import SLICE, TimeSlices
from moonscope.vms.turns import GROW_SECONDS, Turns
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]

DEADLINE = 20.0  # seconds; only ever reached by a defect

# How many are paused


class Runner:
    """What TimeSlices needs of a VM."""

    def __init__(self) -> None:
        self.paused = False
        self.began: list[float] = []

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


@given(st.integers(1, 4), st.lists(st.sampled_from(["add", "remove", "hurry", "turn"]), max_size=60), st.randoms())
def test_as_many_go_on_as_there_are_processors(at_once: int, steps: list[str], dice: random.Random) -> None:
    slices, there, now = TimeSlices(at_once), list[Any](), 0.0
    for step in steps:
        now += dice.uniform(0, 2 * SLICE)
        vm = dice.choice(there) if there else None
        if step == "add":
            there.append(Runner())
            slices.add(there[-1], now)
        elif step == "remove" and vm is not None:
            there.remove(vm)
            slices.remove(vm)
        elif step == "hurry" and vm is not None:
            slices.hurry(vm, now)
            assert not vm.paused
        slices.turn(now)
        assert sum(not vm.paused for vm in there) == min(at_once, len(there))


def test_each_has_its_turn() -> None:
    slices, vms = TimeSlices(2), [Runner() for _ in range(7)]
    went_on: set[Runner] = set()
    for vm in vms:
        slices.add(vm, 0.0)  # type: ignore[arg-type]
    for turn in range(4):
        slices.turn(turn * SLICE)
        went_on.update(vm for vm in vms if not vm.paused)
    assert went_on == set(vms)


# How many begin


def waiting(turns: Turns, batch: Batch[Any], count: int) -> None:
    for _ in range(count):
        actor = Actor(1, VMOptions())
        actor.jobs.append(Job(actor, "run", lambda _: None, batch))
        turns.add(actor)


def taken(turns: Turns, now: float) -> int:
    return sum(1 for _ in iter(lambda: turns.take(now, brief=False), None))


def test_of_one_command_with_short_runs_as_many_are_under_way_as_there_are_workers() -> None:
    turns, batch = Turns(3), Batch[Any]("runs")
    waiting(turns, batch, 1000)
    assert taken(turns, 0.0) == 3
    for now in range(1000):
        turns.ended(batch, now * GROW_SECONDS * 0.9)
        turns.grow(now * GROW_SECONDS * 0.9)
        assert taken(turns, float(now)) == (1 if now < 997 else 0)


def test_endless_runs_of_one_command_begin_soon_and_keep_no_other_command_waiting() -> None:
    turns, endless, other = Turns(2), Batch[Any]("endless"), Batch[Any]("other")
    waiting(turns, endless, 100)
    began = [taken(turns, 0.0)]
    while sum(began) < 100:
        now = len(began) * GROW_SECONDS
        turns.grow(now)
        began.append(taken(turns, now))
        waiting(turns, other, 1)
        assert taken(turns, now) == 1
        turns.ended(other, now)
    assert began == [2, 2, 4, 8, 16, 32, 36]


# What a script sees of it

SCRIPTS = {
    "a loop": "local n = 0 for i = 1, 3e6 do n = n + i % 7 end return n",
    "calls": """
        local function f(n) if n == 0 then return 1 end return f(n - 1) + 1 end
        local s = 0
        for i = 1, 20000 do s = s + f(20) end
        return s""",
    "pcall": "local n = 0 for i = 1, 200000 do n = n + select('#', pcall(error, 'x')) end return n",
    "coroutines": """
        local n = 0
        for i = 1, 20000 do
          for v in coroutine.wrap(function() for j = 1, 5 do coroutine.yield(j) end end) do n = n + v end
          assert(not coroutine.isyieldable or not coroutine.isyieldable())
        end
        return n""",
    "finalizers": """
        local n, endings = 0, 0
        local function ends() endings = endings + 1 end
        for i = 1, 200000 do
          if newproxy then getmetatable(newproxy(true)).__gc = ends else setmetatable({}, {__gc = ends}) end
          n = n + 1
        end
        collectgarbage() collectgarbage()
        return n, endings""",
    "no hook": "local n = 0 for i = 1, 200000 do if debug.gethook() ~= nil then n = n + 1 end end return n",
    "a hook of lines": """
        local n = 0
        debug.sethook(function() n = n + 1 end, 'l')
        for i = 1, 30000 do
          local x = i
        end
        debug.sethook()
        return n""",
    "a hook that counts": """
        local n = 0
        debug.sethook(function() n = n + 1 end, '', 100)
        for i = 1, 300000 do local x = i end
        debug.sethook()
        return n""",
    "a hook set again and again": """
        local n = 0
        local function f() n = n + 1 end
        for i = 1, 30000 do
          debug.sethook(f, 'c')
          assert(debug.gethook() == f)
          debug.sethook()
          assert(not debug.gethook())
        end
        return n""",
    "sort": """
        local t = {}
        for i = 1, 50000 do t[i] = i * 7919 % 50021 end
        table.sort(t, function(a, b) return a > b end)
        return t[1], t[50000]""",
    "gsub": "local n = 0 for i = 1, 2000 do ('x'):rep(50):gsub('x', function() n = n + 1 end) end return n",
}


def start(vm: LuaVM, source: str) -> tuple[threading.Thread, list[RunResult]]:
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(vm.run(source)), daemon=True)
    thread.start()
    return thread, results


def run_and_pause(vm: LuaVM, source: str) -> RunResult:
    """Runs it, pausing all the while, now and again for a moment; once more if it was over before that began."""
    pauses = 0
    while not pauses:
        thread, results = start(vm, source)
        while thread.is_alive():
            vm.pause()
            if pauses % 7 == 0:
                thread.join(0.001)
            vm.resume()
            pauses += 1
            if pauses % 5 == 0:
                thread.join(0.0005)
    return results[0]


@pytest.mark.parametrize("budget", [None, 10**12], ids=["", "budget"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_cannot_tell_that_it_was_paused(
    lua: LuaVersion, script: str, budget: int | None, new_vm: NewVM
) -> None:
    cache = CodeCache(lua)
    expected = new_vm(cache, instruction_budget=budget).run(SCRIPTS[script])
    result = run_and_pause(new_vm(cache, instruction_budget=budget), SCRIPTS[script])
    assert expected.failure is None
    assert (result.values, result.failure, result.output) == (expected.values, None, expected.output)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "never came"


def printed(vm: LuaVM) -> bytes:
    return vm._native.take_output()


def test_a_paused_run_stands_still_until_it_is_resumed(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    thread, results = start(vm, "while true do print('.') end")
    until(lambda: printed(vm))
    until(lambda: (printed(vm), vm.pause(), thread.join(0.02)) and not printed(vm))
    vm.resume()
    until(lambda: printed(vm))
    while thread.is_alive():
        vm.interrupt()
        thread.join(0.01)
    assert results[0].interrupted


def test_a_paused_run_can_be_ended_and_the_next_one_is_not_paused(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    thread, results = start(vm, "while true do end")
    until(lambda: vm.running)
    while thread.is_alive():
        vm.pause()
        vm.interrupt()
        thread.join(0.01)
    assert results[0].interrupted
    vm.pause()
    assert vm.run("return 1 + 1").values == ("2",)


def test_a_time_budget_ends_a_paused_run(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), time_budget=0.2)
    thread, results = start(vm, "while true do end")
    while thread.is_alive():
        vm.pause()
        thread.join(0.001)
    assert results[0].failure is not None
    assert results[0].failure.message == "the time budget of 0.2 s is used up"


def test_a_pause_does_not_end_the_wait_for_a_pipe(lua: LuaVersion, tmp_path: Path, new_vm: NewVM) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    vm = new_vm(CodeCache(lua))
    thread, results = start(vm, f"local file = assert(io.open('{fifo}')) return file:read()")
    for _ in range(1000):
        vm.pause()
        vm.resume()
    with fifo.open("w") as pipe:
        for _ in range(100):
            vm.pause()
            vm.resume()
        pipe.write("what came")
    thread.join()
    assert results[0].values == ('"what came"',)
