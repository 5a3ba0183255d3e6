"""The cache keeps records of what it stores, and of little else: names that come and go leave nothing behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Clear, Close, Load, RunChunk, SetLimits, Spawn
from moonscope.engine import Engine
from moonscope.errors import UsageError
from moonscope.model import CacheMode, Counters, GenerationState, LuaVersion, Outcome, Sharing, Update, VMOptions
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
SpawnVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]

NEWEST = 256  # keys without a generation that are kept, of each kind


def run(vm: LuaVM, source: str) -> None:
    result = vm.run(source)
    assert result.failure is None, result.failure


def load(vm: LuaVM, path: str) -> None:
    run(vm, f"loadfile({path!r})")


def fail(vm: LuaVM, count: int, prefix: str = "/nowhere/") -> None:
    run(vm, f"for i = 1, {count} do loadfile('{prefix}' .. i) end")


def test_names_that_do_not_exist_do_not_switch_the_cache_off(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    vm = new_vm(cache)
    fail(vm, 66_000)
    path = write("a.lua", "return 1")
    load(vm, path)
    load(new_vm(cache), path)
    assert cache.counters() == Counters(hits=1, misses=1, errors=66_000)
    assert [row.counters for row in cache.files() if row.key == path] == [Counters(hits=1, misses=1)]


def test_the_newest_names_that_failed_are_shown(lua: LuaVersion, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    fail(new_vm(cache), 1_000)
    rows = cache.files()
    assert {row.key for row in rows} == {f"/nowhere/{number}" for number in range(1_001 - NEWEST, 1_001)}
    assert all("cannot open" in row.error and row.counters == Counters(errors=1) for row in rows)


def test_failures_are_not_pushed_out_by_bypasses(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    off = new_vm(cache, mode=CacheMode.OFF)
    bad = write("bad.lua", "return return")
    load(off, bad)
    for number in range(NEWEST + 10):
        load(off, write(f"{number}.lua", "return 1"))
    assert [row.key for row in cache.files() if row.error] == [bad]
    assert len(cache.files()) == NEWEST + 1


def test_failing_names_leave_no_memory_behind(new_vm: NewVM) -> None:
    cache = CodeCache()
    vm = new_vm(cache)
    fail(vm, 1_000)
    before = cache.native.totals().overhead_bytes
    fail(vm, 20_000, "/elsewhere/of/the/same/")
    vm.collect()
    assert cache.native.totals().overhead_bytes < before + 100_000


@pytest.mark.parametrize("sharing", [Sharing.BYTECODE, Sharing.AUTO])
def test_a_cleared_file_that_nobody_holds_is_gone(
    lua: LuaVersion, sharing: Sharing, write: Write, new_vm: NewVM
) -> None:
    cache = CodeCache(lua, sharing=sharing)
    path, other = write("a.lua", "return 1"), write("b.lua", "return 1")
    vm, holder = new_vm(cache), new_vm(cache)
    load(vm, path)
    load(holder, other)
    vm.close()
    cache.clear()
    assert [(row.key, row.generation, row.retired) for row in cache.files()] == [(other, None, 1)]
    holder.close()
    assert (cache.files(), cache.generations()) == ([], [])
    assert cache.counters() == Counters(misses=2)


def test_a_file_that_was_cleared_and_fails_stays_in_sight(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    path = write("a.lua", "return 1")
    vm = new_vm(cache)
    load(vm, path)
    write("a.lua", "return return")
    cache.clear()
    load(vm, path)
    vm.close()
    [row] = cache.files()
    assert (row.key, row.generation, row.retired, row.counters) == (path, None, 0, Counters(misses=1, errors=1))
    assert "a.lua:1:" in row.error


def names(write: Write, count: int) -> Iterator[list[str]]:
    """New names for ever, `count` at a time: links to the same files."""
    files = [Path(write(f"{number}.lua", f"return {number}")) for number in range(count)]
    for turn in itertools.count():
        folder = files[0].parent / f"turn {turn}"
        folder.symlink_to(files[0].parent)
        yield [str(folder / file.name) for file in files]


@pytest.mark.slow
@pytest.mark.parametrize("drained", [True, False], ids=["events read", "events not read"])
def test_keys_over_time_leave_no_memory_behind(drained: bool, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(sharing=Sharing.BYTECODE)
    turns = names(write, 500)
    empty = cache.native.totals().overhead_bytes
    left = []
    for paths in itertools.islice(turns, 8):
        vm = new_vm(cache)
        assert vm.load(path.encode() for path in paths) == []
        vm.close()
        cache.clear()
        if drained:
            cache.native.drain(100_000)
        left.append(cache.native.totals().overhead_bytes - empty)
    assert cache.files() == []
    assert max(left) < (10_000 if drained else 200_000)
    assert left[-1] <= max(left[:4])
    assert cache.counters() == Counters(misses=4_000)


def test_the_log_names_files_that_are_gone(
    engine: Engine, spawn: SpawnVMs, write: Write, eventually: Eventually
) -> None:
    path = write("a.lua", "return 1")
    spawn(1)
    source = f"""
        local codecache = require 'codecache'
        for _ = 1, 3 do loadfile({path!r}) loadfile({path!r}) loadfile('/nowhere') codecache.clear() end"""
    engine.perform(RunChunk(vms=(), source=source))
    events = eventually(lambda update: len(update.loads) == 9).loads
    told = [(path, Outcome.MISS), (path, Outcome.HIT), ("/nowhere", Outcome.ERROR)]
    assert [(event.key, event.outcome) for event in events] == told * 3


def test_rows_of_what_is_gone_are_taken_away(engine: Engine, spawn: SpawnVMs, write: Write) -> None:
    paths = tuple(write(f"{number}.lua", "return 1") for number in range(20))
    spawn(1)
    engine.perform(Load(paths=paths))
    ids = {row.id for row in engine.changes(0).generations if row.key in paths[:5]}
    revision = engine.changes(0).revision
    engine.perform(Clear(keys=paths[:5]))
    retired = engine.changes(revision)
    assert {row.key for row in retired.files} == set(paths[:5])  # its VM goes on running them
    assert {row.id for row in retired.generations if row.state is GenerationState.RETIRED} == ids
    engine.perform(Close())
    update = engine.changes(retired.revision)
    assert {key for _, key in update.files_gone} == set(paths[:5])
    assert set(update.generations_gone) == ids
    assert {row.key for row in engine.changes(0).files} == set(paths[5:])


def test_over_the_limit_the_least_recently_hit_go_first(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua, max_files=3)
    vm = new_vm(cache)
    paths = [write(f"{number}.lua", f"return {number}") for number in range(5)]
    for path in paths[:3]:
        load(vm, path)
    load(vm, paths[0])
    load(vm, paths[3])
    load(vm, paths[4])
    current = {row.key for row in cache.generations() if row.state is GenerationState.CURRENT}
    assert current == {paths[0], paths[3], paths[4]}
    assert cache.evicted == 2
    assert vm.run(f"return dofile({paths[1]!r}), dofile({paths[0]!r})").values == ("1", "0")
    assert cache.evicted == 3


def test_what_is_evicted_by_the_limit_lives_while_it_is_held(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(sharing=Sharing.GRAFT, max_files=1)
    vm = new_vm(cache)
    run(vm, f"f = loadfile({write('a.lua', 'return function() return 1 end')!r})")
    load(vm, write("b.lua", "return 2"))
    states = [row.state for row in cache.generations()]
    assert sorted(states) == [GenerationState.CURRENT, GenerationState.RETIRED]
    assert vm.run("return f()()").values == ("1",)


def test_bytes_are_limited_too_and_limits_can_be_changed(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(sharing=Sharing.BYTECODE)
    vm = new_vm(cache)
    for number in range(10):
        load(vm, write(f"{number}.lua", f"return {{{number}, 'of some size'}}"))
    one = cache.generations()[0].shared_bytes
    assert cache.limits == (0, 0)
    cache.set_limits(max_bytes=4 * one)
    kept = [row for row in cache.generations() if row.state is GenerationState.CURRENT]
    assert 0 < sum(row.shared_bytes for row in kept) <= 4 * one
    assert {Path(row.key).name for row in kept} >= {"9.lua"}
    cache.set_limits(max_bytes=one // 2)
    assert vm.run(f"return dofile({write('new.lua', 'return 1')!r})").values == ("1",)  # loads, and is not kept
    assert [row for row in cache.generations() if row.state is GenerationState.CURRENT] == []


def test_an_engine_takes_limits_at_run_time(
    engine: Engine, spawn: SpawnVMs, write: Write, eventually: Eventually
) -> None:
    spawn(1)
    engine.perform(Load(paths=tuple(write(f"{number}.lua", "return 1") for number in range(5))))
    engine.perform(SetLimits(cache_files=2))
    settings = engine.changes(0).settings
    assert settings is not None
    assert (settings.cache_bytes, settings.cache_files) == (0, 2)
    snapshot = eventually(lambda update: update.samples and update.samples[-1].evicted == 3)
    states = [row.state for row in snapshot.generations]
    assert states.count(GenerationState.CURRENT) == 2
    [mark] = eventually(lambda update: [mark for mark in update.marks if mark.kind == "evict"]).marks[-1:]
    assert mark.text == "3 files, by the limit of the cache"
    with pytest.raises(UsageError, match="-1"):
        engine.perform(SetLimits(cache_bytes=-1))
    engine.perform(Spawn(count=1, options=VMOptions(lua=LuaVersion.LUA51)))
    assert engine.cache(LuaVersion.LUA51).limits == (0, 2)


def test_generations_of_a_lower_tier_are_counted(write: Write, tmp_path: Path) -> None:
    """A dumped function of two upvalues cannot be grafted: rows say which tier they have, totals how many."""
    dumped = tmp_path / "dumped.lua"
    dump = f"local a, b = 1, 2 io.open([[{dumped}]], 'wb'):write(string.dump(function() return a, b end)):close()"
    with Engine(allow_binary=True) as engine:
        engine.perform(Spawn(options=VMOptions(sharing=Sharing.GRAFT)))
        engine.perform(RunChunk((), dump))
        engine.perform(Load(paths=(write("a.lua", "return 1"), str(dumped))))
        cache = engine.cache(LuaVersion.LUA54)
        assert {row.key: row.tier is cache.tier for row in engine.changes(0).generations} == {
            str(tmp_path / "a.lua"): True,
            str(dumped): False,
        }
        assert cache.native.totals().lowered == 1
