"""A run can be ended whatever it does, by a person or a budget, and the VM lives on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Close, Interrupt, Load, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.errors import CancelledError
from moonscope.model import (
    CacheMode,
    Context,
    FileFailure,
    InterruptReport,
    LoadReport,
    LuaFailure,
    LuaVersion,
    RunResult,
    Sharing,
    Update,
    VMState,
)
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
NewVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]

ENDLESS = {
    "a loop": "while true do end",
    "a loop that counts": "for i = 1, math.huge do local _ = i * 2 end",
    "recursion without end": "local function f() return f() end f()",
    "pcall in a loop": "while true do pcall(error, 'x') end",
    "a loop in pcall in a loop": "while true do pcall(function() while true do end end) end",
    "xpcall with a handler that loops": "while true do xpcall(error, function() while true do end end) end",
    "a coroutine": "coroutine.resume(coroutine.create(function() while true do end end))",
    "coroutines in a loop": """
        while true do coroutine.resume(coroutine.create(function() while true do pcall(error) end end)) end""",
    "coroutine.wrap": "coroutine.wrap(function() while true do end end)()",
    "a coroutine in a coroutine": """
        local function nest(n)
          if n == 0 then while true do end end
          coroutine.wrap(nest)(n - 1)
        end
        nest(10)""",
    "ping and pong": """
        local other = coroutine.wrap(function() while true do coroutine.yield() end end)
        while true do other() end""",
    "an iterator": "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
    "a metamethod": "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
    "a comparison in sort": "while true do table.sort({3, 1, 2}, function(a, b) while true do end end) end",
    "printing": "while true do print('again') end",
    "making garbage": "while true do local _ = {} end",
    "string.gsub": "while true do string.gsub('aaaa', 'a', function() while true do end end) end",
    "a hook of the script": "debug.sethook(function() while true do end end, '', 1) local x = 1",
    "a hook of the script in a coroutine": """
        coroutine.wrap(function() debug.sethook(function() while true do pcall(error) end end, 'l') local x = 1
        local y = 2 end)()""",
    "a handler of an error in a hook": """
        debug.sethook(function() xpcall(error, function() while true do end end) end, '', 1) local x = 1""",
    "a finalizer": """
        local function endless() while true do pcall(error) end end
        if newproxy then getmetatable(newproxy(true)).__gc = endless
        else setmetatable({}, {__gc = endless}) end
        while true do pcall(collectgarbage) end""",
    "a finalizer in a coroutine": """
        local function endless() while true do end end
        if newproxy then getmetatable(newproxy(true)).__gc = endless
        else setmetatable({}, {__gc = endless}) end
        coroutine.wrap(function() while true do collectgarbage() end end)()""",
    "a loop under a handler that loops": "xpcall(function() while true do end end, function() while true do end end)",
    "__close run by coroutine.close": """
        if not coroutine.close then while true do end end
        assert(load([[
          local co = coroutine.create(function()
            local c <close> = setmetatable({}, {__close = function() while true do end end})
            coroutine.yield()
          end)
          coroutine.resume(co)
          coroutine.close(co)]]))()""",
    "__close after an error in coroutine.wrap": """
        if not coroutine.close then while true do end end
        assert(load([[
          coroutine.wrap(function()
            local c <close> = setmetatable({}, {__close = function() while true do end end})
            error("x")
          end)()]]))()""",
    "a stack that overflows": "local function deep() return deep() + 1 end while true do pcall(deep) end",
    "a stack that overflows in a handler": """
        local function deep() return deep() + 1 end
        while true do xpcall(deep, deep) end""",
    "a hook removed again and again": "while true do debug.sethook() end",
}


def run_until_interrupted(vm: LuaVM, source: str) -> RunResult:
    """Starts a run, interrupts it as soon as it goes on, and gives what came of it."""
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(vm.run(source)), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while thread.is_alive():
        assert time.monotonic() < deadline, "the run did not end"
        vm.interrupt()
        thread.join(0.01)
    return results[0]


@pytest.mark.parametrize("script", ENDLESS)
def test_every_script_can_be_ended(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    result = run_until_interrupted(vm, ENDLESS[script])
    assert result.interrupted
    assert result.failure is not None
    assert result.failure.message == "interrupted"
    assert vm.run("return 1 + 1").values == ("2",)


ENDLESS_FINALIZER = """
    if newproxy then getmetatable(newproxy(true)).__gc = function() while true do end end
    else setmetatable({}, {__gc = function() while true do end end}) end"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["local t = {} while true do t[#t + 1] = #t end", "error('not enough memory', 0)"])
def test_a_finalizer_that_runs_because_memory_ran_out_can_be_ended(lua: LuaVersion, end: str, new_vm: NewVM) -> None:
    """What a run without memory leaves is collected at once; an error with that text is such a one since Lua 5.4."""
    vm = new_vm(CodeCache(lua), memory_cap=8 << 20)
    source = f"collectgarbage('stop') do {ENDLESS_FINALIZER} end {end}"
    result = run_until_interrupted(vm, source)
    assert result.failure is not None
    assert "not enough memory" in result.failure.message or result.interrupted
    assert vm.run("return 1 + 1").values == ("2",)


def test_a_finalizer_that_runs_while_the_source_is_handed_over_can_be_ended(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    vm.run(f"do {ENDLESS_FINALIZER} end")
    run_until_interrupted(vm, "--" + "x" * 30_000_000)
    run_until_interrupted(vm, "collectgarbage()")
    assert vm.run("return 1 + 1").values == ("2",)


def test_ending_a_run_collects_nothing(lua: LuaVersion, new_vm: NewVM) -> None:
    """A collection for every pcall that catches the error would take minutes in a large heap."""
    vm = new_vm(CodeCache(lua))
    vm.run('collectgarbage("stop") kept = setmetatable({{}}, {__mode = "v"})')
    source = "local function nest(n) pcall(n > 0 and nest or error, n - 1) while true do end end nest(100)"
    assert run_until_interrupted(vm, source).interrupted
    assert vm.run("return kept[1] ~= nil").values == ("true",)


UNHOOKED = {
    "removed once": "debug.sethook() while true do end",
    "removed again and again": "while true do debug.sethook() end",
    "set again and again": "local f = function() end while true do debug.sethook(f, '', 900) debug.sethook(f, 'c') end",
    "removed for another coroutine": """
        local co = coroutine.create(function() while true do end end) debug.sethook(co) coroutine.resume(co)""",
    "set in a coroutine": "coroutine.wrap(function() debug.sethook(print, 'r') while true do end end)()",
    "removed by itself": "debug.sethook(function() debug.sethook() end, 'l') while true do end",
}


@pytest.mark.parametrize("script", UNHOOKED)
def test_a_script_cannot_take_the_budget_away(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), instruction_budget=100_000)
    result = vm.run(UNHOOKED[script])
    assert result.interrupted
    assert result.failure is not None
    assert result.failure.message == "the instruction budget of 100,000 is used up"
    assert vm.run("return debug.gethook()").values[:1] in (("nil",), ())


FINALIZED = """
    local function endless() while true do pcall(error) end end
    if newproxy then getmetatable(newproxy(true)).__gc = endless else setmetatable({}, {__gc = endless}) end
    """


@pytest.mark.parametrize(
    "script",
    [
        FINALIZED + "while true do pcall(collectgarbage) end",
        "debug.sethook(function() while true do end end, '', 1) local x = 1",
        "debug.sethook(function() xpcall(error, function() while true do end end) end, 'l')\nlocal x = 1",
        "xpcall(function() while true do end end, function() while true do end end)",
    ],
)
def test_a_budget_counts_where_lua_keeps_hooks_off(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), instruction_budget=1_000_000)
    result = vm.run(script)
    assert result.failure is not None
    assert result.failure.message == "the instruction budget of 1,000,000 is used up"
    assert vm.run("return 1 + 1").values == ("2",)


def test_a_time_budget_beside_one_of_instructions(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), instruction_budget=10**15, time_budget=0.2)
    result = vm.run("while true do end")
    assert result.failure is not None
    assert result.failure.message == "the time budget of 0.2 s is used up"
    assert run_until_interrupted(new_vm(CodeCache(lua), instruction_budget=10**15), "while true do end").interrupted


@pytest.mark.slow
def test_finalizers_end_when_a_vm_is_closed(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    assert (
        vm.run(
            "kept = {} "
            + FINALIZED.replace("newproxy(true)", "(function() kept[1] = newproxy(true) return kept[1] end)()")
        ).failure
        is None
    )
    vm.close()
    assert vm.closed


@pytest.mark.parametrize("count", [1, 7, 999, 1000, 1001, 2500])
def test_a_hook_that_counts_fires_as_often_beside_a_budget(lua: LuaVersion, count: int, new_vm: NewVM) -> None:
    source = f"""
        local n = 0
        debug.sethook(function() n = n + 1 end, "", {count})
        for i = 1, 20000 do local x = i end
        debug.sethook()
        return n"""
    alone, beside = (new_vm(CodeCache(lua), instruction_budget=budget).run(source) for budget in (None, 10_000_000))
    assert alone.failure is None
    assert alone.values == beside.values


@pytest.mark.parametrize("events", ["l", "c", "crl"])
def test_what_a_hook_raises_is_handled_beside_a_budget_as_without(lua: LuaVersion, events: str, new_vm: NewVM) -> None:
    source = f"debug.sethook(function() error('by the hook') end, '{events}')\nlocal x = 1\npcall(error)"
    alone, beside = (new_vm(CodeCache(lua), instruction_budget=budget).run(source) for budget in (None, 10_000_000))
    assert alone.failure is not None
    assert beside.failure is not None
    assert beside.failure.message == alone.failure.message
    assert alone.failure.message.endswith("by the hook")


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["time budget", "instruction budget", "interrupt"])
def test_a_finalizer_that_runs_during_a_load_can_be_ended(
    lua: LuaVersion, ends: str, tmp_path: Path, new_vm: NewVM
) -> None:
    """The collector is about to work, and to call finalizers, when the load makes it."""
    names = [str(tmp_path / f"{number}.lua").encode() for number in range(2000)]
    for name in names:
        Path(name.decode()).write_text("return {" + "{}," * 20 + "}")
    budgets: dict[str, dict[str, Any]] = {
        "time budget": {"time_budget": 0.1},
        "instruction budget": {"instruction_budget": 100_000},
    }
    vm = new_vm(CodeCache(lua, sharing=Sharing.BYTECODE), **budgets.get(ends, {}))
    assert vm.run(FINALIZED).failure is None
    failures: list[FileFailure] = []
    thread = threading.Thread(target=lambda: failures.extend(vm.load(names)), daemon=True)
    thread.start()
    thread.join(0.2 if ends == "interrupt" else 20)
    while ends == "interrupt" and thread.is_alive():
        vm.interrupt()
        thread.join(0.01)
    assert failures
    assert vm.interrupted
    assert {failure.message.partition(":")[0] for failure in failures} == {"interrupted"}
    assert vm.run("return 1 + 1").values == ("2",)


def test_a_load_that_takes_longer_than_the_time_budget_is_not_ended(
    lua: LuaVersion, tmp_path: Path, new_vm: NewVM
) -> None:
    big = tmp_path / "big.lua"
    big.write_text("return {" + "{'a', 1, 2.5}," * 60_000 + "}")
    vm = new_vm(CodeCache(lua), time_budget=0.001)
    assert vm.load([str(big).encode()]) == []
    assert vm.run("while true do end").interrupted


C_FUNCTIONS = {
    "string.find": "string.find(('a'):rep(900), '^' .. ('.-'):rep(3) .. 'b')",
    "os.execute": "coroutine.wrap(function() os.execute('sleep 1') end)()",
    "table.concat": "local t = {} for i = 1, 100 do t[i] = 'x' end while true do table.concat(t) end",
}


@pytest.mark.slow
@pytest.mark.parametrize("function", C_FUNCTIONS)
def test_the_c_function_that_a_vm_is_in_has_a_name(lua: LuaVersion, function: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    thread = threading.Thread(target=lambda: vm.run(C_FUNCTIONS[function]), daemon=True)
    thread.start()
    seen = set()
    while thread.is_alive() and function not in seen:
        seen.add(vm.stuck_in())
    assert function in seen
    while thread.is_alive():
        vm.interrupt()
        thread.join(0.01)
    assert vm.stuck_in() == ""


def test_a_vm_that_runs_lua_code_is_in_no_c_function(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    thread = threading.Thread(target=lambda: vm.run("while true do local x = {} end"), daemon=True)
    thread.start()
    while not vm.running:
        pass
    assert {vm.stuck_in() for _ in range(1000)} == {""}
    while thread.is_alive():
        vm.interrupt()
        thread.join(0.01)


def test_the_traceback_tells_where_it_was(new_vm: NewVM) -> None:
    vm = new_vm(instruction_budget=10_000)
    result = vm.run("local function spins()\nwhile true do end\nend\nspins()")
    assert result.failure is not None
    assert "spins" in result.failure.traceback


def test_the_traceback_of_a_deep_stack_is_that_of_its_top(lua: LuaVersion, new_vm: NewVM) -> None:
    source = "local function deep(n)\nif n == 0 then while true do end end\nreturn deep(n - 1) + 1 end\ndeep(5000)"
    failure = new_vm(CodeCache(lua), instruction_budget=1_000_000).run(source).failure
    assert failure is not None
    levels = failure.traceback.splitlines()
    assert levels[:3] == ["stack traceback:", "\tconsole:2: in a function", "\tconsole:3: in a function"]
    assert levels[-1] == "\t..."
    assert len(levels) < 30


def test_an_interrupt_never_hits_the_next_run(new_vm: NewVM) -> None:
    vm = new_vm()
    for _ in range(20):
        run_until_interrupted(vm, "while true do end")
        assert not vm.run("local n = 0 for i = 1, 1000 do n = n + i end return n").interrupted


def test_nothing_to_interrupt(engine: Engine, spawn: NewVMs) -> None:
    vms = spawn(2)
    assert engine.perform(Interrupt(vms=vms)) == InterruptReport()
    assert engine.perform(Interrupt()) == InterruptReport()


def test_a_time_budget_of_centuries_does_not_keep_a_run_from_being_interrupted(new_vm: NewVM) -> None:
    assert run_until_interrupted(new_vm(time_budget=1e12), "while true do end").interrupted


@pytest.mark.parametrize("script", ["while true do end", "while true do pcall(error) end"])
def test_a_time_budget_ends_a_run(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), time_budget=0.05)
    result = vm.run(script)
    assert result.interrupted
    assert result.failure is not None
    assert result.failure.message == "the time budget of 0.05 s is used up"
    assert vm.run("return 'alive'").failure is None


@pytest.mark.parametrize("script", ["while true do end", "while true do pcall(error) end"])
def test_an_instruction_budget_ends_a_run(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), instruction_budget=100_000)
    result = vm.run(script)
    assert result.interrupted
    assert result.failure is not None
    assert result.failure.message == "the instruction budget of 100,000 is used up"
    for _ in range(3):  # each run has the whole budget
        assert vm.run("for i = 1, 10000 do end return 'enough'").failure is None


def test_a_person_ends_a_run_and_the_vm_says_so(engine: Engine, spawn: NewVMs, eventually: Eventually) -> None:
    [vm] = spawn(1)
    results: list[tuple[RunResult, ...]] = []
    runner = threading.Thread(
        target=lambda: results.append(engine.perform(RunChunk(vms=(vm,), source="while true do pcall(error) end")))
    )
    runner.start()
    eventually(lambda update: update.vms[0].state is VMState.RUNNING)
    assert engine.perform(Interrupt(vms=(vm,))) == InterruptReport(ended=(vm,))
    runner.join()
    [result] = results
    assert result[0].interrupted
    snapshot = engine.changes(0)
    assert snapshot.vms[0].state is VMState.INTERRUPTED
    assert "interrupt" in [mark.kind for mark in snapshot.marks]


def test_cancelling_a_command_ends_its_runs_and_drops_those_that_wait() -> None:
    with Engine(workers=2, max_workers=2, interval=0.02) as engine:
        engine.perform(Spawn(count=5))  # more than workers
        with pytest.raises(CancelledError, match="of 5 VMs"):
            engine.perform(
                RunChunk(vms=(), source="while true do end"),
                Context(cancelled=lambda: any(row.state is VMState.RUNNING for row in engine.changes(0).vms)),
            )
        states = [row.state for row in engine.changes(0).vms]
        assert set(states) == {VMState.IDLE, VMState.INTERRUPTED}
        assert states.count(VMState.INTERRUPTED) <= 2


def test_closing_interrupts_first_and_drops_what_waits(engine: Engine, spawn: NewVMs, eventually: Eventually) -> None:
    [vm] = spawn(1)
    results: list[tuple[RunResult, ...]] = []
    runners = [
        threading.Thread(target=lambda: results.append(engine.perform(RunChunk(vms=(vm,), source="while true do end"))))
        for _ in range(3)
    ]
    for runner in runners:
        runner.start()
    eventually(lambda update: update.vms[0].queued == 2)
    assert engine.perform(Close(vms=(vm,))) == 1
    for runner in runners:
        runner.join()
    runs = [result[0] for result in results]
    assert sorted(run.interrupted for run in runs) == [False, False, True]
    assert all(run.failure is not None and ("closed" in run.failure.message or run.interrupted) for run in runs)
    assert engine.changes(0).vms == ()


def test_a_boot_script_can_be_interrupted(engine: Engine, spawn: NewVMs, eventually: Eventually) -> None:
    spawner = threading.Thread(target=lambda: spawn(1, boot="while true do end"))
    spawner.start()
    eventually(lambda update: update.vms)
    while spawner.is_alive():
        engine.perform(Interrupt())
        spawner.join(0.01)
    assert engine.changes(0).vms[0].state is VMState.INTERRUPTED


def test_a_load_that_is_interrupted_names_every_file_that_was_not_loaded(
    lua: LuaVersion, new_vm: NewVM, tmp_path: Path
) -> None:
    names = [str(tmp_path / f"{number}.lua").encode() for number in range(50)]
    for name in names:
        Path(os.fsdecode(name)).write_text("return 1")
    cache = CodeCache(lua)
    vm, wanted = new_vm(cache), names * 1000
    failures: list[FileFailure] = []
    thread = threading.Thread(target=lambda: failures.extend(vm.load(wanted)), daemon=True)
    thread.start()
    while thread.is_alive():
        vm.interrupt()
        thread.join(0.001)
    loaded = len(wanted) - len(failures)
    assert {failure.message for failure in failures} <= {"interrupted"}
    assert [failure.path.encode() for failure in failures] == wanted[loaded:]
    assert cache.counters().loads - cache.counters().errors == loaded
    assert vm.interrupted or not failures
    assert vm.load(names) == []
    assert not vm.interrupted


def test_a_vm_whose_load_was_interrupted_says_so(engine: Engine, spawn: NewVMs, tmp_path: Path) -> None:
    for number in range(500):
        (tmp_path / f"{number}.lua").write_text("return 1")
    [vm] = spawn(1, mode=CacheMode.OFF)
    reports: list[LoadReport] = []

    def load() -> None:
        result = engine.perform(Load(paths=(str(tmp_path),)))
        reports.append(result)

    while not reports or reports[-1].failed == 0:  # it may be over before it is interrupted
        loader = threading.Thread(target=load)
        loader.start()
        while loader.is_alive():
            engine.perform(Interrupt())
            loader.join(0.001)
    assert {failure.message for failure in reports[-1].failures} == {"interrupted"}
    [row] = engine.changes(0).vms
    assert (row.state, row.failure) == (VMState.INTERRUPTED, LuaFailure("interrupted"))
    engine.perform(RunChunk(vms=(vm,), source="return 1"))
    assert engine.changes(0).vms[0].state is VMState.IDLE
