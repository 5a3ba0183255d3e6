"""The garbage collector of a VM, in every mood, next to functions that are not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonscope.cache.code_cache import CodeCache

from .conftest import VM, NewVM, Sharers, Way, Write

MODULE = """
local kept = {}
local function deep(n) if n == 0 then return {n} end return {deep(n - 1), 'constant ' .. n, function() return n end} end
local module = {}
function module.work(n)
    for i = 1, n do kept[i % 7] = deep(i % 5) end
    return #kept, 'a constant of this file', [[another constant, of more than forty characters: a long string]]
end
function module.names() local all = {} for name in pairs(module) do all[#all + 1] = name end return #all end
return module
"""


def test_shared_functions_are_collected_like_any_other(sharers: Sharers, write: Write) -> None:
    path = write("return function() return 1 end")
    for vm in sharers:
        vm.run("weak = setmetatable({}, {__mode = 'k'}) values = setmetatable({}, {__mode = 'v'})")
        vm.run(f"local f = loadfile('{path}') weak[f], weak[f()] = 1, 2 values[1], values[2] = f, f() kept = f")
        vm.run("collectgarbage() collectgarbage()")
        count = "local n = 0 for _ in pairs({}) do n = n + 1 end return n"
        assert vm.run(count.format("weak")) == ("1",)
        vm.run("kept = nil collectgarbage() collectgarbage()")
        assert vm.run(count.format("weak")) == ("0",)
        assert vm.run(count.format("values")) == ("0",)
        assert vm.run(f"return dofile('{path}')()") == ("1",)


def test_constants_are_values_to_weak_tables(sharers: Sharers, write: Write) -> None:
    """Strings are never removed from weak tables, neither as keys nor as values."""
    path = write("local t, u = ... t.a_key_of_a_shared_function = 'a value of a shared function' u.k = ('l'):rep(50)")
    for vm in sharers:
        vm.run("t, u = setmetatable({}, {__mode = 'kv'}), setmetatable({}, {__mode = 'k'})")
        vm.run(f"loadfile('{path}')(t, u) collectgarbage() collectgarbage()")
        assert vm.run("return t.a_key_of_a_shared_function, #u.k") == ('"a value of a shared function"', "50")


def test_ephemerons_of_shared_functions(sharers: Sharers, write: Write) -> None:
    path = write("local t = ...  local function f() return f end  t[f] = {f}  return f")
    for vm in sharers:
        vm.run(f"t = setmetatable({{}}, {{__mode = 'k'}}) f = loadfile('{path}')(t) collectgarbage() collectgarbage()")
        assert vm.run("return t[f][1] == f") == ("true",)
        if vm.vm.options.lua not in ("5.1", "luajit2.0", "luajit2.1"):  # those have no ephemerons
            vm.run("f = nil collectgarbage() collectgarbage()")
            assert vm.run("return next(t)") == ("nil",)


MOODS = {
    "eager": "pcall(collectgarbage, 'setpause', 0) pcall(collectgarbage, 'param', 'pause', 0)",
    "stopped": "collectgarbage('stop')",
    "generational": "pcall(collectgarbage, 'generational')",
    "changed": "for _, mode in ipairs{'generational', 'incremental'} do pcall(collectgarbage, mode) end",
}


@pytest.mark.parametrize("mood", MOODS)
def test_work_under_any_collector(sharers: Sharers, write: Write, mood: str) -> None:
    path = write(MODULE)
    for vm in sharers:
        vm.run(MOODS[mood])
        vm.run(f"module = dofile('{path}')")
        for _ in range(5):
            vm.run("module.work(500) collectgarbage('step', 3)")
        vm.run("collectgarbage() module.work(100)")
        names, kept, short, long = vm.run("return module.names(), module.work(5)")
        assert (names, kept, short) == ("2", "6", '"a constant of this file"')
        assert "more than forty" in long


def test_changing_the_collector_while_shared_functions_run(sharers: Sharers, write: Write) -> None:
    path = write(MODULE)
    for vm in sharers:
        vm.run("modes = {'generational', 'incremental', 'generational', 'step', 'collect'} modules = {}")
        vm.run("function change() for _, mode in ipairs(modes) do pcall(collectgarbage, mode) end end")
        vm.run(f"for i = 1, 20 do change() modules[i] = dofile('{path}') modules[i].work(9) end")
        vm.run("for i = 1, 20 do modules[i].work(20) change() end")
        assert vm.run("local n = 0 for i = 1, 20 do n = n + modules[i].names() end return n") == ("40",)


def test_a_step_of_the_collector_between_any_two_instructions(sharers: Sharers, write: Write) -> None:
    path = write(MODULE)
    for vm in sharers:
        vm.run("function step() debug.sethook(function() collectgarbage('step', 0) end, '', 1) end")
        vm.run(f"module = dofile('{path}') step() module.work(10) dofile('{path}').work(3) debug.sethook()")
        assert vm.run("return (module.names())") == ("2",)


def test_coroutines_that_sleep_in_shared_code_wake_up_after_a_clear(way: Way, new_vm: NewVM, write: Write) -> None:
    path = write("local n = ... while true do n = n + 1 coroutine.yield(n, 'version one') end")
    cache = way.new_cache()
    first, second = new_vm(cache), new_vm(cache)
    for vm in (first, second):
        vm.run(f"co = coroutine.wrap(loadfile('{path}'))")
        assert vm.run("return co(10)") == ("11", '"version one"')
    Path(path).write_text("return 'version two'")
    assert cache.clear().files == 1
    for vm in (first, second):
        vm.run("collectgarbage() collectgarbage()")
        assert vm.run("return co()") == ("12", '"version one"')
        assert vm.run(f"return dofile('{path}')") == ('"version two"',)
        assert vm.run("collectgarbage() return co()") == ("13", '"version one"')


RESERVE = 4096  # bytes of the cap that a run never gets

# Strings long and short, numbers, nested functions: each is a step of a clone.
CLONED = "".join(
    f"local t{i} = {{name{i} = 'value {i}', {i}.5}} function global{i}() return t{i}.name{i}, '{'long' * 12} {i}' end\n"
    for i in range(6)
)

# Fills the VM up to `free` bytes (to some 90) below its cap, or as far as it goes, loads, and empties it again.
ATTEMPT = """
local function fill(limit, text)
    while collectgarbage('count') * 1024 < limit do filler = {filler, text and text .. collectgarbage('count')} end
end
function attempt(path, limit, garbage)
    local text = ('x'):rep(500)
    collectgarbage() collectgarbage('stop')
    fill(limit - 2000, text) collectgarbage() pcall(fill, limit)
    if garbage then filler = nil end
    local ran, loaded, message = pcall(loadfile, path)
    filler = nil
    collectgarbage() collectgarbage('restart')
    if not ran then return loaded end
    return message
end
"""


@pytest.mark.parametrize("garbage", [False, True], ids=["memory runs out", "a collection makes room"])
def test_every_allocation_of_a_load_can_be_the_one_too_many(way: Way, write: Write, garbage: bool) -> None:
    """A VM of limited memory is filled up to a few bytes more each time, and then loads a shared file.

    Where nothing can be freed the load ends with Lua's own error, and works once there is room. Where what fills the VM
    is garbage, the collector runs in the middle of the load.
    """
    path, cache = write(CLONED), way.new_cache()
    donor = VM(cache)
    donor.run(f"dofile('{path}')")
    cap = donor.vm.collect() + 60_000
    donor.vm.close()
    # A closure over shared code is two objects of 40 bytes, and all that tier direct needs.
    room = [*range(0, 200, 7), *range(200, 12_000, 53)]
    outcomes = [load_into_a_full_vm(cache, path, cap, free, garbage) for free in room]
    assert set(outcomes) <= {"nil", '"not enough memory"'}
    assert outcomes.count("nil") > 20
    if not garbage:
        assert '"not enough memory"' in outcomes


def load_into_a_full_vm(cache: CodeCache, path: str, cap: int, free: int, garbage: bool) -> str:
    """The error of the load, or nil. Then there is room again, and all must work."""
    vm = VM(cache, memory_cap=cap)
    vm.run(ATTEMPT)
    (message,) = vm.run(f"return attempt('{path}', {cap - RESERVE - free}, {str(garbage).lower()})")
    vm.run(f"dofile('{path}')")
    assert vm.run("return global5()") == ('"value 5"', f"\"{'long' * 12} 5\"")
    vm.vm.close()
    return message
