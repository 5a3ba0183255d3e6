"""VMs: what runs give, states, many of them on few threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Close, Collect, Load, RunChunk, RunFile, SetMode, Spawn
from moonscope.engine import Engine
from moonscope.errors import CancelledError, NotFoundError, UsageError
from moonscope.model import CacheMode, Context, LuaVersion, RunResult, Update, VMOptions, VMState
from moonscope.vms.pool import VMPool
from moonscope.vms.vm import MAX_OUTPUT, LuaVM, joined

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
SpawnVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("1 + 1", ("2",)),
        ("return 1, 'two', nil, true", ("1", '"two"', "nil", "true")),
        ("x = 5", ()),
        ("(function() return 1, 2 end)()", ("1", "2")),
        ("", ()),
        ("return", ()),
        ("'中文'", ('"中文"',)),
        ("=1 + 1", ("2",)),
    ],
)
def test_a_chunk_or_an_expression_gives_its_values(
    lua: LuaVersion, source: str, values: tuple[str, ...], new_vm: NewVM
) -> None:
    result = new_vm(CodeCache(lua)).run(source)
    assert (result.failure, result.values) == (None, values)


def test_globals_stay_between_runs(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    vm.run("counter = 41")
    assert vm.run("counter + 1").values == ("42",)


def test_printed_text_is_captured(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    assert vm.run("print(1, 'two', nil) io.write('three', 4, '\\n')").output == "1\ttwo\tnil\nthree4\n"
    assert vm.run("return 1").output == ""
    assert vm.run("print(setmetatable({}, {__tostring = function() return 'object' end}))").output == "object\n"


def test_a_flood_of_output_is_cut_with_a_note(new_vm: NewVM) -> None:
    result = new_vm().run("for _ = 1, 4096 do print(('x'):rep(1023)) end")
    assert result.failure is None
    assert len(result.output) < MAX_OUTPUT + 100
    assert result.output.startswith("xxx")


def test_output_comes_while_the_script_still_runs(engine: Engine, spawn: SpawnVMs, eventually: Eventually) -> None:
    spawn(1)
    runner = threading.Thread(
        target=lambda: engine.perform(RunChunk(vms=(), source="print('working') while not stop do end"))
    )
    runner.start()
    snapshot = eventually(lambda update: update.output)
    assert snapshot.vms[0].state is VMState.RUNNING
    assert "".join(event.text for event in snapshot.output) == "working\n"
    engine.perform(Close())
    runner.join()


def test_a_file_is_run_through_the_cache(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    path = write("a.lua", "print('ran') return 7")
    vms = spawn(2)
    result = engine.perform(RunFile(vms=vms, path=path))
    assert [(run.vm, run.output, run.values) for run in result] == [(vm, "ran\n", ("7",)) for vm in vms]
    assert engine.changes(0).files[0].counters.loads == 2


def test_roots_are_searched_first(write: Write, new_vm: NewVM, tmp_path: object) -> None:
    write("sub/mymodule.lua", "return 'found'")
    write("sub/pack/init.lua", "return 'package'")
    vm = new_vm(roots=(f"{tmp_path}/sub",))
    assert vm.run("return (require 'mymodule'), (require 'pack')").values == ('"found"', '"package"')


def test_collecting_returns_memory(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    vm.run("keep = {} for i = 1, 20000 do keep[i] = {i} end")
    full = vm.memory
    vm.run("keep = nil")
    left = vm.collect()
    assert left == vm.memory < full / 2
    assert vm.memory_peak >= full


def test_loading_keeps_functions_but_does_not_run_them(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    path = write("a.lua", "ran = true")
    vm = new_vm(cache)
    assert vm.load([path.encode()]) == []
    assert vm.run("ran").values == ("nil",)
    vm.collect()
    assert cache.generations()[0].holders == 1


@pytest.mark.parametrize("jit", [False, True])
def test_luajit_compiles_only_when_asked(jit: bool, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(LuaVersion.LUAJIT21), jit=jit)
    assert vm.run("return (jit.status())").values == (str(jit).lower(),)


def test_an_interrupted_load_says_what_it_left_out(new_vm: NewVM, write: Write, tmp_path: Path) -> None:
    slow = tmp_path / "slow.lua"
    os.mkfifo(slow)
    names = [write("a.lua", "return 1"), str(slow), write("b.lua", "return 2"), write("c.lua", "return 3")]
    cache = CodeCache()
    vm = new_vm(cache)
    failures: list[Any] = []
    tried: list[Any] = []

    def load() -> None:
        failures.extend(vm.load_joined(joined(map(str.encode, names)), tried.append))

    loader = threading.Thread(target=load, daemon=True)
    loader.start()
    while not cache.generations():
        loader.join(0.001)
    while loader.is_alive():
        vm.interrupt()
        loader.join(0.01)
    assert [(failure.path, failure.message) for failure in failures] == [(name, "interrupted") for name in names[1:]]
    assert tried == [1]
    assert vm.load(map(str.encode, names[2:])) == []


def test_every_vm_loads_every_file_wherever_it_begins(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    paths = tuple(write(f"{number}.lua", f"return {number}") for number in range(50))
    spawn(5)
    result = engine.perform(Load(paths=paths))
    assert (result.loaded, result.failed) == (250, 0)
    assert [row.generations for row in engine.changes(0).vms] == [50] * 5


def test_scripts_find_no_way_into_python(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    assert vm.run("python, package.loaded.python, (pcall(require, 'python'))").values == ("nil", "nil", "false")


def test_a_vm_that_is_dropped_is_closed(lua: LuaVersion) -> None:
    cache = CodeCache(lua)
    vm = LuaVM(cache)
    assert len(cache.native.vms()) == 1
    del vm
    assert cache.native.vms() == []


def test_a_finalizer_that_takes_its_time_holds_up_no_one_else(new_vm: NewVM, tmp_path: Path) -> None:
    began, go_on = tmp_path / "began", tmp_path / "go_on"
    vm = new_vm()
    vm.run(
        f"kept = setmetatable({{}}, {{__gc = function() io.open({str(began)!r}, 'w'):close()"
        f" repeat until io.open({str(go_on)!r}) end}})"
    )
    closer = threading.Thread(target=vm.close, daemon=True)
    closer.start()
    while not began.exists():
        assert closer.is_alive()
    assert new_vm().run("return 1").values == ("1",)
    assert not vm.closed
    go_on.touch()
    closer.join(20)  # seconds; only ever reached by a defect
    assert vm.closed


def test_a_closed_vm_refuses(new_vm: NewVM) -> None:
    vm = new_vm()
    vm.close()
    vm.close()
    assert vm.closed
    with pytest.raises(UsageError, match="closed"):
        vm.run("return 1")


def test_states(engine: Engine, spawn: SpawnVMs) -> None:
    spawn(1)

    def state_after(source: str) -> VMState:
        engine.perform(RunChunk(vms=(), source=source))
        return engine.changes(0).vms[0].state

    assert engine.changes(0).vms[0].state is VMState.IDLE
    assert state_after("error('no')") is VMState.FAILED
    assert engine.changes(0).vms[0].failure is not None
    assert state_after("return 1") is VMState.IDLE
    assert engine.changes(0).vms[0].failure is None


def test_one_vm_runs_one_thing_at_a_time_in_order(engine: Engine, spawn: SpawnVMs) -> None:
    """Many threads give one VM work; each piece would notice another one in between."""
    spawn(1)
    engine.perform(RunChunk(vms=(), source="log, inside = {}, 0"))
    source = "inside = inside + 1 for _ = 1, 1000 do end log[#log + 1] = inside inside = inside - 1"
    threads = [threading.Thread(target=lambda: engine.perform(RunChunk(vms=(), source=source))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = engine.perform(RunChunk(vms=(), source="return #log, math.max(table.unpack(log))"))
    assert result[0].values == ("20", "1")


def test_a_thousand_vms(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    path = write("a.lua", "return 1")
    vms = spawn(1_000)
    assert vms == tuple(range(1, 1_001))
    engine.perform(Load(paths=(path,)))
    snapshot = engine.changes(0)
    assert len(snapshot.vms) == 1_000
    assert {row.generations for row in snapshot.vms} == {1}
    assert snapshot.generations[0].holders == 1_000
    assert snapshot.files[0].counters.loads == 1_000
    assert engine.perform(Collect()) == 1_000
    assert engine.perform(Close(vms=vms[:999])) == 999
    assert [row.id for row in engine.changes(0).vms] == [1_000]
    assert len(engine.changes(snapshot.revision).vms_gone) == 999
    assert engine.changes(0).generations[0].holders == 1


def test_progress_is_told_and_spawning_can_be_cancelled(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    engine.perform(Spawn(count=50), Context(lambda done, total, _: told.append((done, total))))
    assert told[-1] == (50, 50)
    assert told == sorted(told)
    with pytest.raises(CancelledError):
        engine.perform(Spawn(count=100_000), Context(cancelled=lambda: True))
    alive = engine.changes(0).vms
    assert 50 <= len(alive) < 100_000
    assert {row.state for row in alive} == {VMState.IDLE}


def test_cancelled_boot_scripts_leave_no_half_made_vm() -> None:
    with Engine(workers=2, max_workers=2, interval=0.02) as engine:
        with pytest.raises(CancelledError):
            engine.perform(
                Spawn(count=5, options=VMOptions(boot="while true do end")),
                Context(cancelled=lambda: any(row.task == "boot script" for row in engine.changes(0).vms)),
            )
        vms = engine.changes(0).vms
        assert {row.state for row in vms} == {VMState.INTERRUPTED}
        assert 0 < len(vms) <= 2  # those that had begun; the window shows what came of them


def test_loading_can_be_cancelled_between_files(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    paths = tuple(write(f"{number}.lua", "return 1") for number in range(100))
    spawn(200)
    with pytest.raises(CancelledError):
        engine.perform(Load(paths=paths), Context(cancelled=lambda: True))
    assert engine.changes(0).samples is not None
    assert engine.cache().counters().loads < 200 * 100


def test_the_mode_for_vms_to_come(engine: Engine, spawn: SpawnVMs) -> None:
    [before] = spawn(1)
    engine.perform(SetMode(mode=CacheMode.EXIST))
    [after] = spawn(1)
    [told] = spawn(1, mode=CacheMode.OFF)
    snapshot = engine.changes(0)
    modes = {row.id: row.mode for row in snapshot.vms}
    assert modes == {before: CacheMode.ON, after: CacheMode.EXIST, told: CacheMode.OFF}
    assert snapshot.settings is not None
    assert snapshot.settings.default_mode is CacheMode.EXIST


def test_closing_goes_on_when_some_are_gone(engine: Engine, spawn: SpawnVMs) -> None:
    """Two windows may close the same VMs."""
    first, second, third = spawn(3)
    engine.perform(Close(vms=(second,)))
    assert engine.perform(Close(vms=(first, second, third))) == 2
    with pytest.raises(NotFoundError, match=f"no VM {first} here"):
        engine.perform(Close(vms=(first, second)))


def test_a_pool_without_an_engine(write: Write) -> None:
    cache, pool = CodeCache(), VMPool(workers=2)
    try:
        report = pool.spawn(cache, VMOptions(boot="x = 20"), count=3)
        results = pool.each(report.vms, "double", lambda vm, _: vm.run("x * 2"))
        assert [result.values for result in results.values() if isinstance(result, RunResult)] == [("40",)] * 3
    finally:
        assert pool.shutdown()
    with pytest.raises(UsageError, match="closed"):
        pool.spawn(cache)


def test_all_threads_end_with_the_engine() -> None:
    before = set(threading.enumerate())
    with Engine(interval=0.02) as engine:
        engine.perform(Spawn(count=3))
        engine.perform(RunChunk(vms=(1,), source="return 1"))
    assert set(threading.enumerate()) == before
