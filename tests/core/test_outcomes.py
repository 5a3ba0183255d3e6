"""Every load ends as a hit, a miss, a bypass, a race or an error, and is counted per key, per VM and in total."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.cache.native_rows import OUTCOMES
from moonscope.commands import Load, RunChunk, SetMode
from moonscope.engine import Engine
from moonscope.errors import UsageError
from moonscope.model import CacheMode, Counters, LuaVersion, Outcome, Sharing, Tier, Update, VMOptions
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]


def loads(vm: LuaVM, path: str, times: int = 1) -> None:
    result = vm.run(f"for _ = 1, {times} do loadfile({path!r}) end")
    assert result.failure is None, result.failure


def test_the_first_load_misses_and_the_others_hit(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 1")
    loads(new_vm(cache), path, times=3)
    loads(new_vm(cache), path)
    expected = Counters(hits=3, misses=1)
    assert cache.counters() == expected
    [file] = cache.files()
    assert (file.key, file.counters, file.error) == (path, expected, "")
    [generation] = cache.generations()
    assert (generation.id, generation.hits, generation.holders) == (file.generation, 3, 2)


def test_mode_off_bypasses(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 1")
    loads(new_vm(cache, mode=CacheMode.ON), path)
    loads(new_vm(cache, mode=CacheMode.OFF), path, times=2)
    assert cache.counters() == Counters(misses=1, bypasses=2)


def test_mode_exist_uses_but_never_stores(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 1")
    reader = new_vm(cache, mode=CacheMode.EXIST)
    loads(reader, path)
    assert cache.generations() == []
    loads(new_vm(cache), path)
    loads(reader, path)
    assert cache.counters() == Counters(hits=1, misses=1, bypasses=1)


def test_the_mode_can_be_changed_while_a_vm_lives(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    vm = new_vm(cache)
    path = write("a.lua", "return 1")
    vm.mode = CacheMode.OFF
    loads(vm, path)
    vm.mode = CacheMode.ON
    loads(vm, path)
    assert cache.counters() == Counters(misses=1, bypasses=1)


def test_sharing_off_never_caches(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    vm = new_vm(cache, sharing=Sharing.OFF)
    loads(vm, write("a.lua", "return 1"), times=2)
    assert (vm.tier, cache.counters()) == (Tier.OFF, Counters(bypasses=2))
    with pytest.raises(UsageError, match="sharing off"):
        vm.mode = CacheMode.ON


def test_a_failed_compile_stores_nothing_and_its_text_stays_until_it_loads(
    lua: LuaVersion, write: Write, new_vm: NewVM
) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "local = 1")
    vm = new_vm(cache)
    loads(vm, path, times=2)
    [file] = cache.files()
    assert (file.counters, file.generation) == (Counters(errors=2), None)
    assert "a.lua:1:" in file.error
    assert cache.generations() == []
    write("a.lua", "local _ = 1")
    loads(vm, path)
    [file] = cache.files()
    assert (file.counters, file.error) == (Counters(errors=2, misses=1), "")


def test_two_vms_that_miss_one_file_at_once_make_one_generation(write: Write, new_vm: NewVM) -> None:
    """Both start together, again and again, until one comes second; whoever does, there is one generation."""
    cache = CodeCache()
    vms = [new_vm(cache), new_vm(cache)]
    path = write("slow.lua", "local t = {}\n" + "t[#t + 1] = {name = 'x', value = #t * 2}\n" * 4_000)
    for attempt in range(1, 200):
        start = threading.Barrier(2)

        def load(vm: LuaVM, start: threading.Barrier = start) -> None:
            start.wait()
            loads(vm, path)

        threads = [threading.Thread(target=load, args=(vm,)) for vm in vms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([row for row in cache.generations() if row.state == "current"]) == 1
        counters = cache.counters()
        assert (counters.misses, counters.loads) == (attempt, 2 * attempt)
        if counters.races:
            return
        cache.clear()
    pytest.fail("no race in 200 tries")


SKYNET = """
local codecache = require "{module}"
local parts = {{}}
local function say(...) parts[#parts + 1] = table.concat({{...}}, " ") end
say(codecache.mode())
say(codecache.loadfile({path!r})())
codecache.mode("OFF")
say(codecache.mode())
codecache.mode("EXIST")
say(codecache.mode())
codecache.mode("ON")
codecache.clear()
print(table.concat(parts, ","))
"""


@pytest.mark.parametrize("module", ["codecache", "skynet.codecache"])
def test_scripts_written_for_skynet_run(lua: LuaVersion, module: str, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    result = new_vm(cache).run(SKYNET.format(module=module, path=write("a.lua", "return 'loaded'")))
    assert result.failure is None, result.failure
    assert result.output.strip() == "ON,loaded,OFF,EXIST"
    assert [row.state for row in cache.generations() if row.state == "current"] == []


def test_both_names_of_the_module_are_one_table(lua: LuaVersion, new_vm: NewVM) -> None:
    result = new_vm(CodeCache(lua)).run("return require 'codecache' == require 'skynet.codecache'")
    assert result.values == ("true",)


def test_a_script_cannot_turn_on_what_its_vm_was_spawned_without(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    vm = new_vm(cache, sharing=Sharing.OFF)
    turned = vm.run("local codecache = require 'codecache' codecache.mode('ON') return codecache.mode()")
    loads(vm, write("a.lua", "return 1"), times=2)
    assert (turned.values, vm.tier) == (('"OFF"',), Tier.OFF)
    assert cache.counters() == Counters(bypasses=2)


def test_counts_agree_per_key_per_vm_and_in_total(
    engine: Engine, spawn: Callable[..., tuple[int, ...]], write: Write
) -> None:
    good, bad = write("good.lua", "return 1"), write("bad.lua", "return return")
    vms = spawn(4)
    engine.perform(SetMode(mode=CacheMode.OFF, vms=vms[:1]))
    for _ in range(3):
        engine.perform(Load(paths=(good, bad), vms=vms))
    snapshot = engine.changes(0)
    totals = engine.cache("5.4").counters()
    assert totals.loads == 4 * 2 * 3
    for rows in (snapshot.files, snapshot.vms):
        for outcome in ("hits", "misses", "bypasses", "races", "errors"):
            assert sum(getattr(row.counters, outcome) for row in rows) == getattr(totals, outcome), outcome


def test_counts_of_closed_vms_stay_in_the_total(write: Write, new_vm: NewVM) -> None:
    cache = CodeCache()
    path = write("a.lua", "return 1")
    for _ in range(3):
        vm = new_vm(cache)
        loads(vm, path)
        vm.close()
    assert cache.counters() == Counters(hits=2, misses=1)
    assert cache.files()[0].counters == Counters(hits=2, misses=1)


def test_every_load_is_logged(
    engine: Engine,
    spawn: Callable[..., tuple[int, ...]],
    write: Write,
    eventually: Callable[[Callable[[Update], object]], Update],
) -> None:
    good, bad = write("good.lua", "return 1"), write("bad.lua", "return return")
    [vm] = spawn(1)
    engine.perform(Load(paths=(good,)))
    engine.perform(Load(paths=(good, bad)))
    events = eventually(lambda update: len(update.loads) == 3).loads
    assert [(event.key, event.outcome) for event in events] == [
        (good, Outcome.MISS),
        (good, Outcome.HIT),
        (bad, Outcome.ERROR),
    ]
    miss, hit, error = events
    assert {event.vm for event in events} == {vm}
    [stored] = [row for row in engine.changes(0).files if row.key == good]
    assert miss.generation == hit.generation == stored.generation
    assert miss.bytes == hit.bytes > 0
    assert (error.generation, error.bytes) == (None, 0)
    assert all(event.duration_us > 0 for event in events)
    assert [event.serial for event in events] == [1, 2, 3]


@pytest.mark.slow
def test_events_that_do_not_fit_are_counted(
    engine: Engine,
    spawn: Callable[..., tuple[int, ...]],
    write: Write,
    eventually: Callable[[Callable[[Update], object]], Update],
) -> None:
    """More loads in one go than the ring holds: each is either told or counted as dropped."""
    spawn(1)
    engine.perform(RunChunk(vms=(), source="for _ = 1, 200000 do loadfile('/nowhere') end"))
    snapshot = eventually(
        lambda update: update.samples and (last := update.samples[-1]).dropped and last.counters.loads == 200_000
    )
    assert 0 < snapshot.samples[-1].dropped < 200_000
    assert snapshot.samples[-1].counters == Counters(errors=200_000)


@pytest.mark.parametrize("lua", [LuaVersion.LUA51, LuaVersion.LUA54, LuaVersion.LUA55, LuaVersion.LUAJIT21])
def test_of_hits_the_first_and_then_each_sixteenth_is_logged_and_all_are_counted(lua: LuaVersion, write: Write) -> None:
    """As the docs of LoadEvent say. A load that is no hit is always logged, and so is what follows a first hit."""
    cache = CodeCache(lua, sharing=Sharing.AUTO)
    path, other, late = (write(name, "return 1") for name in ("a.lua", "other.lua", "late.lua"))
    maker, vm = LuaVM(cache, VMOptions(lua=lua)), LuaVM(cache, VMOptions(lua=lua))
    maker.run(f"for _, name in ipairs {{{path!r}, {other!r}}} do loadfile(name) end")
    cache.native.drain(100)
    vm.run(f"""
        for _ = 1, 1 + 1 + 2 * 16 do loadfile({path!r}) end  -- the first, the one after it, and each 16th from there
        for _ = 1, 5 do loadfile({path!r}) end               -- none of these
        loadfile({other!r})                                  -- a first one
        loadfile({late!r}) loadfile('/nowhere')""")
    logged = [(key.decode(), OUTCOMES[outcome]) for _, _, _, key, outcome, *_ in cache.native.drain(100)]
    assert logged == [
        *[(path, Outcome.HIT)] * 4,
        (other, Outcome.HIT),
        (late, Outcome.MISS),
        ("/nowhere", Outcome.ERROR),
    ]
    counters = Counters(hits=34 + 5 + 1, misses=3, errors=1)
    assert cache.counters() == counters
    assert vm.load_us > 0
    assert {row.key: row.counters.hits for row in cache.files()} == {path: 39, other: 1, late: 0, "/nowhere": 0}
