"""A generation is current until it is cleared, retired while a VM still holds it, and then gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.bytecode import read
from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Clear, Close, Holders, Inspect, InspectFile, Load, RunChunk
from moonscope.engine import Engine
from moonscope.errors import CancelledError, NotFoundError
from moonscope.model import ClearReport, Context, GenerationState, LuaVersion, Sharing, Tier, Update
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Eventually = Callable[[Callable[[Update], object]], Update]
Write = Callable[[str, str | bytes], str]
Spawn = Callable[..., tuple[int, ...]]


def test_current_retired_gone(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 'old'")
    holder, other = new_vm(cache), new_vm(cache)
    holder.run(f"f = loadfile({path!r})")
    [current] = cache.generations()
    assert (current.state, cache.holders(current.id)) == (GenerationState.CURRENT, (holder.id,))

    report = cache.clear()
    assert (report.files, report.vms_on_old_code) == (1, (holder.id,))
    [retired] = cache.generations()
    assert (retired.id, retired.state) == (current.id, GenerationState.RETIRED)
    assert cache.files()[0].retired == 1

    write("a.lua", "return 'new'")
    assert other.run(f"print(dofile({path!r}))").output == "new\n"
    assert holder.run("print(f())").output == "old\n"  # clearing never breaks a VM
    assert {row.state for row in cache.generations()} == {GenerationState.CURRENT, GenerationState.RETIRED}

    holder.close()
    assert [row.state for row in cache.generations()] == [GenerationState.CURRENT]
    assert cache.files()[0].retired == 0


def test_the_record_of_a_generation_takes_no_more_than_its_names_need(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(sharing=Sharing.BYTECODE)
    vm, names = new_vm(cache), [write(f"{number}.lua", "return 1") for number in range(100)]
    before = cache.native.totals().overhead_bytes  # overhead
    vm.load(name.encode() for name in names)
    assert (cache.native.totals().overhead_bytes - before) / len(names) < 700 + 3 * len(names[-1])


def test_a_generation_remembers_where_its_file_was(
    write: Write, new_vm: NewVM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("folder/a.lua", "return 1")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "b.lua").symlink_to(tmp_path / "folder" / "a.lua")
    monkeypatch.chdir(tmp_path)
    here, cache = str(tmp_path), CodeCache()
    names = [f"{here}/folder/a.lua", f"{here}/link/a.lua", f"{here}/b.lua", f"{here}/folder/../b.lua"]
    names += [f"{here}//folder/a.lua", f"{here}/./folder/a.lua", f"/{here}/folder/a.lua"]
    names += ["folder/a.lua", "./link/a.lua"]
    vm = new_vm(cache)
    for name in names:
        vm.run(f"loadfile({name!r})")
    assert {(row.key, row.path) for row in cache.generations()} == {(name, f"{here}/folder/a.lua") for name in names}


def test_a_closed_vm_holds_nothing(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 1")
    vm = new_vm(cache)
    vm.run(f"loadfile({path!r})")
    vm.close()
    assert vm.closed
    assert cache.generations()[0].holders == 0
    report = cache.clear()
    assert (report.files, report.vms_on_old_code, report.retained_bytes) == (1, (), 0)
    assert report.freed_bytes > 0
    assert cache.generations() == []


def test_the_bytes_of_a_generation_are_what_they_say(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua, sharing=Sharing.BYTECODE)
    text = "local t = {}\n" + "t.x = function(a, b) return a + b end\n" * 100 + "return t"
    path = write("a.lua", text)
    new_vm(cache).run(f"loadfile({path!r})")
    assert cache.generations()[0].saved_bytes is None  # the load did not wait for that
    cache.measure()
    [row] = cache.generations()
    assert row.source_bytes == len(text)
    assert row.shared_bytes == len(cache.payload(row.id))
    assert row.unshared_bytes == row.private_bytes > 0
    assert row.compile_us > 0
    assert row.path == str(Path(path).resolve())
    assert row.inode == Path(path).stat().st_ino
    assert row.mtime == pytest.approx(Path(path).stat().st_mtime)


@pytest.mark.parametrize("lua", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_grafted_code_is_held_once_for_all_vms(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua, sharing=Sharing.GRAFT)
    path = write("a.lua", "local t = {}\n" + "t.x = function(a, b) return a + b end\n" * 100 + "return t")
    for _ in range(2):
        new_vm(cache).run(f"loadfile({path!r})")
    cache.measure()
    [row] = cache.generations()
    assert (row.tier, row.holders) == (Tier.GRAFT, 2)
    assert 0 < row.private_bytes < row.unshared_bytes
    report = cache.clear()
    assert (report.freed_bytes, report.retained_bytes) == (0, row.shared_bytes)
    assert cache.generations()[0].shared_bytes == row.shared_bytes


@pytest.fixture
def filled(engine: Engine, spawn: Spawn, write: Write) -> tuple[int, ...]:
    """Three VMs; the first two hold a.lua, b.lua and sub/c.lua, the third none."""
    vms = spawn(3)
    paths = tuple(write(name, f"return '{name}'") for name in ("a.lua", "b.lua", "sub/[c].lua"))
    engine.perform(Load(paths=paths, vms=vms[:2]))
    return vms


def clear(engine: Engine, **how: object) -> ClearReport:
    result = engine.perform(Clear(**how))  # type: ignore[arg-type]
    return result


def current(engine: Engine) -> list[str]:
    return sorted(Path(row.key).name for row in engine.changes(0).generations if row.state == "current")


def test_a_dry_run_tells_what_clearing_then_does(engine: Engine, filled: tuple[int, ...]) -> None:
    before = engine.changes(0).generations
    told = clear(engine, dry_run=True)
    assert engine.changes(0).generations == before
    done = clear(engine)
    assert told.dry_run
    assert not done.dry_run
    assert (told.files, told.freed_bytes, told.retained_bytes, told.vms_on_old_code) == (
        done.files, done.freed_bytes, done.retained_bytes, done.vms_on_old_code,
    )  # fmt: skip
    assert (done.files, done.vms_on_old_code) == (3, filled[:2])


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*/a.lua", ["[c].lua", "b.lua"]),
        ("*/[ab].lua", ["[c].lua"]),
        ("*/?.lua", ["[c].lua"]),
        ("*/[[]c].lua", ["a.lua", "b.lua"]),
        ("*sub*", ["a.lua", "b.lua"]),
        ("nothing like it", ["[c].lua", "a.lua", "b.lua"]),
    ],
)
def test_files_are_evicted_by_pattern(engine: Engine, filled: tuple[int, ...], pattern: str, left: list[str]) -> None:
    assert clear(engine, pattern=pattern).files == 3 - len(left)
    assert current(engine) == left


def test_files_are_evicted_by_name(engine: Engine, filled: tuple[int, ...]) -> None:
    key = next(row.key for row in engine.changes(0).files if row.key.endswith("[c].lua"))
    assert clear(engine, keys=(key,)).files == 1
    assert current(engine) == ["a.lua", "b.lua"]
    assert clear(engine, keys=(key, "never seen")).files == 0


def test_only_the_named_lua_is_cleared(engine: Engine, spawn: Spawn, write: Write) -> None:
    path = write("a.lua", "return 1")
    spawn(1, lua=LuaVersion.LUA54)
    spawn(1, lua=LuaVersion.LUA51)
    engine.perform(Load(paths=(path,)))
    assert len({row.id for row in engine.changes(0).generations}) == 2
    assert clear(engine, lua=LuaVersion.LUA51).files == 1
    assert [row.lua for row in engine.changes(0).generations if row.state == "current"] == [LuaVersion.LUA54]


def test_the_vms_of_a_generation_are_told(engine: Engine, filled: tuple[int, ...]) -> None:
    id = engine.changes(0).generations[0].id
    assert engine.perform(Holders(generation=id)) == filled[:2]
    with pytest.raises(NotFoundError, match="999999"):
        engine.perform(Holders(generation=999_999))


@pytest.mark.parametrize("sharing", [Sharing.BYTECODE, Sharing.AUTO])
def test_the_prototypes_of_a_generation_are_counted(
    lua: LuaVersion, sharing: Sharing, engine: Engine, spawn: Spawn, write: Write
) -> None:
    spawn(1, lua=lua, sharing=sharing)
    engine.perform(Load(paths=(write("a.lua", "local function f() return function() end end return f"),)))
    engine.measure()
    [row] = engine.changes(0).generations
    result = engine.perform(Inspect(generation=row.id))
    assert row.prototypes == read(result.dump, lua).root.total == 3


def test_what_new_generations_take_is_told_soon_without_asking(
    lua: LuaVersion, engine: Engine, spawn: Spawn, write: Write, eventually: Eventually
) -> None:
    spawn(1, lua=lua)
    engine.perform(Load(paths=(write("a.lua", "local function f() return function() end end return f"),)))
    eventually(lambda seen: all(row.unshared_bytes and row.prototypes == 3 for row in seen.generations))


def test_inspecting_can_be_cancelled(engine: Engine, filled: tuple[int, ...], write: Write) -> None:
    row = engine.changes(0).generations[0]
    with pytest.raises(CancelledError):
        engine.perform(Inspect(generation=row.id), Context(cancelled=lambda: True))
    command = InspectFile(path=write("b.lua", "return 1"))
    steps: list[str] = []
    for after in (0, 1):  # before Lua compiles it, and when it has
        with pytest.raises(CancelledError):
            context = Context(lambda *step: steps.append(step[2]), lambda after=after: len(steps) >= after)
            engine.perform(command, context)
    assert steps == ["compiling"]


def test_a_generation_can_be_inspected(engine: Engine, filled: tuple[int, ...]) -> None:
    row = engine.changes(0).generations[0]
    result = engine.perform(Inspect(generation=row.id))
    assert (result.generation, result.key, result.lua) == (row.id, row.key, row.lua)
    assert read(result.dump, result.lua).root.total == row.prototypes == 1
    with pytest.raises(NotFoundError):
        engine.perform(Inspect(generation=999_999))


def test_running_vms_do_not_notice_a_clear(engine: Engine, spawn: Spawn, write: Write) -> None:
    """Clearing again and again while VMs load and run: every load works."""
    path = write("a.lua", "return function() return 1 end")
    spawn(2)
    over = threading.Event()

    def clear_all_the_time() -> None:
        while not over.is_set():
            engine.cache("5.4").clear()

    clearer = threading.Thread(target=clear_all_the_time)
    clearer.start()
    try:
        source = f"local n = 0 while n < 20000 do n = n + loadfile({path!r})()() end return n"
        result = engine.perform(RunChunk(vms=(), source=source))
    finally:
        over.set()
        clearer.join()
    assert [(run.failure, run.values) for run in result] == [(None, ("20000",))] * 2
    engine.perform(Close())
    clear(engine)
    assert engine.changes(0).generations == ()
