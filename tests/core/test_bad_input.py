"""Bad files and bad scripts give a clear failure, and everything else goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import (
    Close,
    Collect,
    Command,
    Holders,
    InspectFile,
    Interrupt,
    Load,
    RunChunk,
    RunFile,
    SetMode,
    Shutdown,
    Spawn,
)
from moonscope.engine import Engine
from moonscope.errors import MoonscopeError, NotFoundError, UnsupportedError, UsageError
from moonscope.model import CacheMode, LoadReport, LuaVersion, RunResult, Update, VMOptions, VMState
from moonscope.vms.vm import LuaVM
from moonscope.wire.messages import Push, encode

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
SpawnVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]


def load(engine: Engine, *paths: str) -> LoadReport:
    result = engine.perform(Load(paths=paths))
    return result


def run_all(engine: Engine, source: str) -> tuple[RunResult, ...]:
    result = engine.perform(RunChunk(vms=(), source=source))
    return result


# Files


def test_broken_files_are_named_and_the_rest_is_loaded(
    engine: Engine, spawn: SpawnVMs, write: Write, tmp_path: Path
) -> None:
    write("good.lua", "return 1")
    write("empty.lua", "")
    write("syntax.lua", "local = 1")
    write("binary.lua", b"\x1bLua\x00\x01")
    write("zeros.lua", b"\0" * 1000)
    (tmp_path / "folder.lua").mkdir()
    spawn(2)
    report = load(engine, str(tmp_path))
    broken = {"syntax.lua", "binary.lua", "zeros.lua"}
    assert {Path(failure.path).name for failure in report.failures} == broken
    assert (report.files, report.vms, report.loaded, report.failed) == (5, 2, 2 * 2, 2 * 3)
    assert all(failure.message and failure.vm in (1, 2) for failure in report.failures)
    assert {Path(row.key).name for row in engine.changes(0).files if row.error} == broken


def test_odd_names_are_loaded_and_shown(engine: Engine, spawn: SpawnVMs, tmp_path: Path) -> None:
    names = ["with space.lua", "quote'\".lua", "new\nline.lua", "中文.lua", "back\\x41.lua", "100%s.lua", "[a].lua"]
    for name in names:
        (tmp_path / name).write_text("return 1")
    (tmp_path / os.fsdecode(b"\xff\xfe.lua")).write_text("return 1")
    spawn(1)
    report = load(engine, str(tmp_path))
    assert (report.loaded, report.failures) == (len(names) + 1, ())
    keys = {row.key.rsplit("/", 1)[-1] for row in engine.changes(0).files}
    assert keys == {*names[:4], "back\\x5cx41.lua", "100%s.lua", "[a].lua", "\\xff\\xfe.lua"}


def test_an_odd_key_from_a_row_can_be_evicted_and_loaded_again(engine: Engine, spawn: SpawnVMs, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\\x41.lua")).write_text("return 1")
    spawn(1)
    load(engine, str(tmp_path))
    [row] = engine.changes(0).files
    assert engine.cache().evict(row.key).files == 1
    assert load(engine, row.key).loaded == 1


def test_a_missing_or_unreadable_path_is_one_failure(engine: Engine, spawn: SpawnVMs, tmp_path: Path) -> None:
    spawn(3)
    report = load(engine, str(tmp_path / "absent.lua"))
    assert (report.failed, report.loaded) == (1, 0)
    assert "No such file" in report.failures[0].message


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_regular_file_is_not_run(engine: Engine, spawn: SpawnVMs, kind: str, tmp_path: Path) -> None:
    """To open a pipe is to wait for whoever writes into it."""
    spawn(1)
    path = {"folder": tmp_path, "pipe": tmp_path / "pipe.lua", "device": Path("/dev/tty")}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UsageError, match=f"{path} is not a regular file"):
        engine.perform(RunFile(vms=(), path=str(path)))


def test_what_runs_from_a_file_with_an_odd_name_can_be_told_to_windows(
    engine: Engine, spawn: SpawnVMs, tmp_path: Path, eventually: Eventually
) -> None:
    path = tmp_path / os.fsdecode(b"\xff.lua")
    path.write_text("while true do end")
    spawn()
    runner = threading.Thread(target=engine.perform, args=(RunFile(vms=(), path=str(path)),))
    runner.start()
    encode(Push(eventually(lambda update: update.vms[0].task.endswith("\\xff.lua"))))
    engine.perform(Interrupt())
    runner.join()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_without_permission_is_named(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    path = write("secret.lua", "return 1")
    Path(path).chmod(0)
    spawn(1)
    [failure] = load(engine, path).failures
    assert "Permission denied" in failure.message


def test_a_file_deleted_after_it_was_listed(engine: Engine, spawn: SpawnVMs, write: Write, new_vm: NewVM) -> None:
    vm = new_vm()
    [failure] = vm.load([write("a.lua", "return 1").encode() + b".gone"])
    assert (failure.path.endswith("a.lua.gone"), failure.vm) == (True, vm.id)
    assert "cannot open" in failure.message


def test_a_huge_sparse_file_neither_stalls_nor_fills_the_memory(
    engine: Engine, spawn: SpawnVMs, tmp_path: Path
) -> None:
    with (tmp_path / "huge.lua").open("wb") as file:
        file.truncate(1 << 30)
    spawn(1, memory_cap=64 << 20)
    report = load(engine, str(tmp_path / "huge.lua"))
    assert report.failed == 1
    assert run_all(engine, "return 1")[0].failure is None


def test_ten_thousand_failures_are_counted_and_a_thousand_named(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    paths = [write(f"{number}.lua", "local = 1") for number in range(40)]
    spawn(50)
    report = load(engine, *paths)
    assert (report.failed, len(report.failures)) == (2000, 1000)


# Scripts


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("error('plain', 0)", "plain"),
        ("local _ error('placed')", "console:1: placed"),
        ("error({})", "(error object is a table value)"),
        ("error(nil)", "nil"),
        ("error()", "nil"),
        ("error(12)", "12"),
        ("error(true)", "(error object is a boolean value)"),
        ("error(setmetatable({}, {__tostring = function() return 'as text' end}))", "as text"),
        ("error(print)", "(error object is a function value)"),
        ("local x = nil; x.y = 1", "attempt to index"),
        ("x = = 1", "console:1:"),
        ("error('\\255\\254', 0)", "\\xff\\xfe"),
        ("error(setmetatable({}, {__tostring = function() error('in tostring') end}))", ""),
    ],
)
def test_an_error_is_a_value_with_a_message(lua: LuaVersion, script: str, message: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    failure = vm.run(script).failure
    assert failure is not None
    assert message in failure.message
    assert failure.message
    assert vm.run("return 'alive'").failure is None


@pytest.mark.parametrize("inner", ["error('deep')", "local x = nil; x.y = 1"])
def test_an_error_has_a_traceback(lua: LuaVersion, inner: str, new_vm: NewVM) -> None:
    failure = new_vm(CodeCache(lua)).run(f"local function inner() {inner} end\ninner()").failure
    assert failure is not None
    assert "console:1: " in failure.message
    assert "console:1: in" in failure.traceback
    assert "stack traceback" in failure.traceback
    assert "console:2:" in failure.traceback


def test_recursion_without_end_is_an_error(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    failure = vm.run("local function f() return 1 + f() end return f()").failure
    assert failure is not None
    assert "stack overflow" in failure.message
    assert vm.run("return 'alive'").failure is None


@pytest.mark.parametrize("resume", ["coroutine.wrap(f)()", "assert(coroutine.resume(coroutine.create(f)))"])
def test_coroutines_inside_each_other_without_end_are_an_error(lua: LuaVersion, resume: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    failure = vm.run(f"local function f() {resume} end f()").failure
    assert failure is not None
    assert "C stack overflow" in failure.message
    assert vm.run("return coroutine.wrap(function() return 'alive' end)()").values == ('"alive"',)


GREEDY = {
    "strings": "local s = 'x' while true do s = s .. s end",
    "tables": "local t = {} while true do t[#t + 1] = {} end",
    "one huge string": "return string.rep('x', 1000000000)",
    "in a coroutine": "coroutine.wrap(function() local t = {} while true do t[#t + 1] = {} end end)()",
    "caught": "local t = {} return pcall(function() while true do t[#t + 1] = {} end end)",
}


@pytest.mark.parametrize("script", GREEDY)
def test_a_memory_cap_holds(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), memory_cap=8 << 20)
    result = vm.run(GREEDY[script])
    told = result.failure.message if result.failure else result.values[1]
    assert "not enough memory" in told
    assert vm.memory_peak <= 8 << 20
    vm.collect()
    assert vm.memory < 4 << 20
    assert vm.run("return 'alive'").failure is None


def test_a_memory_cap_holds_for_a_file(write: Write, new_vm: NewVM) -> None:
    path = write("large.lua", "return {" + "{1, 'x'}," * 100_000 + "}")
    vm = new_vm(memory_cap=1 << 20)
    [failure] = vm.load([path.encode()])
    assert "not enough memory" in failure.message
    assert vm.run("return 'alive'").failure is None


@pytest.mark.parametrize("state", ["empty", "full"])
def test_a_full_vm_can_still_be_spoken_to(state: str, new_vm: NewVM) -> None:
    """However little memory is left, the process lives, whatever is asked of the VM."""
    vm = new_vm(memory_cap=1 << 20)
    if state == "full":
        vm.run("keep = {} while true do keep[#keep + 1] = ('x'):rep(10) .. #keep end")
    for size in (1, 1000, 1 << 19, 1 << 21):
        vm.run("return #'" + "x" * size + "'")
    vm.run("keep = nil")
    vm.collect()
    assert vm.run("return 1").values == ("1",)


def test_os_exit_ends_only_the_run(lua: LuaVersion, engine: Engine, spawn: SpawnVMs) -> None:
    spawn(2, lua=lua)
    results = run_all(engine, "print('before') pcall(os.exit, 3) print('after')")
    assert [result.output for result in results] == ["before\n"] * 2
    assert all(result.failure and "os.exit with code 3" in result.failure.message for result in results)
    assert not any(result.interrupted for result in results)
    assert [result.failure for result in run_all(engine, "os.exit()")] == [None, None]
    wrong = run_all(engine, "os.exit({})")
    assert all(result.failure and "number expected, got table" in result.failure.message for result in wrong)
    assert [mark.kind for mark in engine.changes(0).marks].count("exit") == 4
    assert [result.values for result in run_all(engine, "return 'alive'")] == [('"alive"',)] * 2


@pytest.mark.parametrize(
    "script",
    [
        "debug = nil",
        "debug = nil setmetatable(_G, {__index = function(_, name) error('undeclared ' .. name) end})",
        "debug = setmetatable({}, {__index = function() while true do end end})",
        "for name in pairs(_G) do _G[name] = nil end",
        "string.rep, table.concat, tostring, pcall, error = nil",
        "coroutine.resume, coroutine.create, coroutine.wrap = nil",
        "collectgarbage('stop')",
    ],
)
def test_a_script_that_breaks_its_own_vm_breaks_nothing_else(lua: LuaVersion, script: str, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    broken, other = new_vm(cache), new_vm(cache)
    broken.run(script)
    result = broken.run("return 1 + 1")
    assert result.values == ("2",) or result.failure is not None
    broken.collect()
    broken.close()
    assert other.run("return type(debug)").values == ('"table"',)


def test_a_strict_vm_without_debug_still_answers(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    vm.run("debug = nil setmetatable(_G, {__index = function(_, name) error('undeclared ' .. name) end})")
    assert vm.run("return 1 + 1").values == ("2",)
    failure = vm.run("return typo").failure
    assert failure is not None
    assert "undeclared typo" in failure.message


def test_lua_code_has_no_way_into_python(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua))
    assert vm.run("return python, package.loaded.python").values == ("nil", "nil")
    assert vm.run("return pcall(require, 'python')").values[0] == "false"


# Boot scripts and options


def test_a_boot_script_that_fails_for_one_vm_of_a_hundred(engine: Engine, write: Write) -> None:
    flag = Path(write("once", "1"))
    boot = f"if os.remove({str(flag)!r}) then error('this one') end"  # only one VM can have removed it
    result = engine.perform(Spawn(count=100, options=VMOptions(boot=boot)))
    assert len(result.vms) == 100
    [failure] = result.failures
    assert (failure.path, "this one" in failure.message) == ("boot script", True)
    states = {row.id: row.state for row in engine.changes(0).vms}
    assert states.pop(failure.vm) is VMState.FAILED
    assert set(states.values()) == {VMState.IDLE}
    assert [run.failure for run in run_all(engine, "return 1")] == [None] * 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (VMOptions(memory_cap=0), "memory cap"),
        (VMOptions(memory_cap=1 << 64), r"memory cap must be .* less than 2\^63"),
        (VMOptions(instruction_budget=1 << 63), r"instruction budget must be .* less than 2\^63"),
        (VMOptions(roots=("a\0b",)), "zero byte"),
        (VMOptions(time_budget=-1.0), "time budget"),
        (VMOptions(instruction_budget=0), "instruction budget"),
        (VMOptions(roots=("a;b",)), "search root"),
    ],
)
def test_options_that_cannot_hold_are_refused(engine: Engine, options: VMOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        engine.perform(Spawn(options=options))
    assert engine.changes(0).vms == ()


@pytest.mark.parametrize("cap", [1, 1000, 65_535])
def test_a_memory_cap_too_small_for_any_vm_says_so(engine: Engine, cap: int) -> None:
    with pytest.raises(UsageError, match=rf"the memory cap must be 65,536 bytes or more, not {cap}"):
        engine.perform(Spawn(count=2, options=VMOptions(memory_cap=cap)))
    assert engine.changes(0).vms == ()


def test_the_smallest_memory_cap_holds_a_new_vm(lua: LuaVersion, new_vm: NewVM) -> None:
    assert new_vm(CodeCache(lua), memory_cap=65_536).run("return 1").values == ("1",)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (Spawn(count=0), UsageError),
        (Load(paths=("x.lua",)), UsageError),
        (RunChunk(vms=(), source="return 1"), UsageError),
        (RunChunk(vms=(77,), source="return 1"), NotFoundError),
        (RunFile(vms=(77,), path="x.lua"), NotFoundError),
        (Collect(vms=(77,)), NotFoundError),
        (Close(vms=(77,)), NotFoundError),
        (SetMode(vms=(77,), mode=CacheMode.OFF), NotFoundError),
        (Holders(generation=-1), NotFoundError),
        (InspectFile(path="/no/such/file.lua"), UsageError),
        (InspectFile(path="/"), UsageError),
        (Shutdown(), UnsupportedError),
    ],
)
def test_commands_that_cannot_be_carried_out_say_why(
    engine: Engine, command: Command[Any], error: type[MoonscopeError]
) -> None:
    with pytest.raises(error) as raised:
        engine.perform(command)
    assert len(str(raised.value)) > 10


def test_a_file_that_does_not_compile_cannot_be_inspected(engine: Engine, write: Write) -> None:
    with pytest.raises(UsageError, match=r"bad\.lua:1:"):
        engine.perform(InspectFile(path=write("bad.lua", "local = 1")))


def test_a_closed_engine_says_so(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(UsageError, match="closed"):
        engine.perform(Spawn())
    assert engine.changes(0).revision > 0


@pytest.mark.slow
def test_a_vm_without_memory_names_every_file_that_was_not_loaded(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    names = [write(f"{number}.lua", f"return {number}").encode() for number in range(1000)]
    cache = CodeCache(lua)
    failures = new_vm(cache, memory_cap=200_000).load(names)
    assert 0 < len(failures) < len(names)
    assert {failure.message for failure in failures} == {"not enough memory"}
    loaded, kept = cache.counters().loads - cache.counters().errors, len(names) - len(failures)
    assert kept in (loaded, loaded - 1)  # the last may be loaded, and there is no room to keep it
