"""Shared code lives as long as anything may run it: until `lua_close` has returned in the last VM that loaded it."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.model import GenerationState, Sharing

from .conftest import VM, NewVM, Way, Write

# Objects whose finalizers are shared functions; on the older Luas only userdata have finalizers.
FINALIZERS = """
local log = ...
local function finalizer(name)
    return function(object)
        local file = io.open(log, 'a')
        file:write(name, ' of ', tostring(VM_NAME), '\\n')
        file:close()
    end
end
for i = 1, 3 do
    local object
    if newproxy then
        object = newproxy(true)
        getmetatable(object).__gc = finalizer('object ' .. i)
    else
        object = setmetatable({}, {__gc = finalizer('object ' .. i)})
    end
    _G['kept' .. i] = object
end
"""


def pins(way: Way) -> bool:
    """Whether VMs run code that belongs to the cache (bytecode is copied into each)."""
    return way.sharing != "bytecode"


def held(cache: CodeCache) -> int:
    """Bytes of retired code that wait for holders."""
    return sum(row.shared_bytes for row in cache.generations() if row.state is GenerationState.RETIRED)


def test_finalizers_run_shared_code_while_the_vm_closes(way: Way, write: Write, tmp_path: Path) -> None:
    path, log, cache = write(FINALIZERS), tmp_path / "log", way.new_cache()
    vms = [VM(cache) for _ in range(3)]
    for number, vm in enumerate(vms):
        vm.run(f"VM_NAME = 'VM {number}' loadfile('{path}')('{log}')")
    cache.clear()
    assert not log.exists()
    for number, vm in enumerate(vms):
        assert (held(cache) > 0) is pins(way), "freed before the last holder"
        vm.vm.close()
        lines = log.read_text().splitlines()
        assert sorted(lines[number * 3 :]) == [f"object {i} of VM {number}" for i in (1, 2, 3)]
    assert cache.generations() == []


def test_a_finalizer_may_load_files_while_the_vm_closes(way: Way, write: Write, tmp_path: Path) -> None:
    log, cache = tmp_path / "log", way.new_cache()
    module = write(f"local file = io.open('{log}', 'a') file:write('loaded\\n') file:close()")
    other = write("return 'never loaded before'")
    path = write(FINALIZERS.replace("local file =", f"dofile('{module}') assert(loadfile('{other}')) local file ="))
    for _ in range(2):
        vm = VM(cache)
        vm.run(f"loadfile('{path}')('{log}')")
        vm.vm.close()
    assert log.read_text().splitlines().count("loaded") == 6
    cache.clear()
    assert cache.generations() == []


def test_code_is_freed_when_it_was_cleared_and_its_last_holder_is_gone(way: Way, write: Write) -> None:
    path, cache = write("return function() return 'still here' end"), way.new_cache()
    vms = [VM(cache) for _ in range(5)]
    for vm in vms:
        vm.run(f"f = dofile('{path}')")
    report = cache.clear()
    assert (report.retained_bytes > 0, report.freed_bytes > 0) == (pins(way), not pins(way))
    random.Random(1).shuffle(vms)
    while vms:
        for vm in vms:
            assert vm.run("collectgarbage() return f()") == ('"still here"',)
        vms.pop().vm.close()
        assert (held(cache) > 0) is (pins(way) and bool(vms))
    assert cache.generations() == []


def test_an_error_is_told_until_its_file_loads(way: Way, write: Write, new_vm: NewVM) -> None:
    path, cache = write("local = 1"), way.new_cache()
    vm = new_vm(cache)
    message = vm.error(f"dofile('{path}')")
    assert [file.error for file in cache.files()] == [message]
    Path(path).write_text("return 1")
    assert vm.run(f"return dofile('{path}')") == ("1",)
    assert [file.error for file in cache.files()] == [""]


def test_a_function_that_python_keeps_keeps_its_vm_and_its_code(way: Way, write: Write) -> None:
    """lupa closes a state when the last object that wraps something of it is gone, whenever that is."""
    path, cache = write("return function(a) return a .. ' and a constant' end"), way.new_cache()
    runtime = cache.library.new_runtime()
    attached = cache.attach(runtime)
    leaked = runtime.execute(b"return dofile(...)", path.encode())
    attached.close()
    del runtime
    gc.collect()
    cache.clear()
    assert not attached.closed
    assert (held(cache) > 0) is pins(way)
    assert leaked(b"python") == b"python and a constant"
    del leaked
    gc.collect()
    assert attached.closed
    assert cache.generations() == []


def test_a_vm_outlives_the_cache_it_came_from(way: Way, write: Write) -> None:
    path, cache = write("return ('constant'):upper()"), way.new_cache()
    runtime = cache.library.new_runtime()
    cache.attach(runtime)
    runtime.execute(b"f = loadfile(...)", path.encode())
    del cache
    gc.collect()
    assert runtime.execute(b"collectgarbage() return f()") == b"CONSTANT"
    assert runtime.execute(b"return dofile(...)", path.encode()) == b"CONSTANT"


def test_vms_are_closed_by_other_threads_than_made_them(way: Way, write: Write) -> None:
    paths = [write(f"local t = {{name = 'file {i}'}} return function() return t.name end") for i in range(10)]
    cache = way.new_cache()
    made: list[tuple[Any, Any]] = []
    turn = threading.Lock()

    def make() -> None:
        for _ in range(5):
            runtime = cache.library.new_runtime()
            attached = cache.attach(runtime)
            for path in paths:
                runtime.execute(b"fs = fs or {} fs[#fs + 1] = dofile(...)", path.encode())
            with turn:
                made.append((runtime, attached))

    def close() -> None:
        while True:
            with turn:
                if not made:
                    return
                runtime, attached = made.pop()
            assert runtime.execute(b"return fs[10]()") == b"file 9"
            del runtime
            assert attached.closed

    for work in (make, close):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        if work is close:
            cache.clear()
        for thread in threads:
            thread.join()
    assert not made
    assert cache.generations() == []


def ends_holds(way: Way) -> None:
    """Where it is the runtime, or the tier, that tells what a VM refers to."""
    if way.sharing is Sharing.GRAFT:
        pytest.skip("a VM's own part of a graft is looked at elsewhere")


def reloaded(turn: int) -> str:
    constant = "'a constant of more than forty characters: {}'"
    functions = " ".join(f"function M.made_{i}(a) return a, {constant.format(i)} end" for i in range(60))
    return f"-- {turn}\nlocal M = {{}} {functions} M.turn_of_it = {turn} return M"


def test_a_vm_that_reloads_for_ever_keeps_what_it_refers_to(way: Way, new_vm: NewVM, tmp_path: Path) -> None:
    ends_holds(way)
    path, cache = tmp_path / "module.lua", way.new_cache()
    vm, most = new_vm(cache), 0
    for turn in range(300):
        path.write_text(reloaded(turn))
        cache.clear()
        assert vm.run(f"m = dofile('{path}') return m['turn_' .. 'of_it'], m['made_' .. '3'](1)")[0] == str(turn)
        most = max(most, held(cache))
    one = max(row.shared_bytes for row in cache.generations())
    assert most <= 65536 + 3 * one
    assert len(cache.generations()) <= 4 + 65536 // one
    cache.clear()
    vm.run("m = nil collectgarbage() collectgarbage()")
    assert held(cache) == 0


VALUES = {
    "a closure of a child": ("kept = f()", "return kept()", '"from a child"'),
    "a coroutine in old code": (
        "kept = coroutine.wrap(g) kept()", "return kept()", '"a constant of the suspended function, a long one"',
    ),
    "a long string": ("kept = h()", "return kept", '"a value that is long: over forty characters in all"'),
    "a long string as a key": (
        "kept = {[h()] = 1}", "return (next(kept))", '"a value that is long: over forty characters in all"',
    ),
    "a short string": ("kept = s()", "return kept", '"short_value_of_old"'),
    "a long string on a stack": (
        "kept = coroutine.wrap(function(v) coroutine.yield() return v end) kept(h())", "return kept()",
        '"a value that is long: over forty characters in all"',
    ),
}  # fmt: skip

OLD = """
function f() return function() return 'from a child' end end
function g() coroutine.yield() return 'a constant of the suspended function, a long one' end
function h() return 'a value that is long: over forty characters in all' end
function s() return 'short_value_of_old' end
"""


@pytest.mark.parametrize("value", VALUES)
def test_what_lives_on_of_old_code_stays_right(way: Way, new_vm: NewVM, write: Write, value: str) -> None:
    ends_holds(way)
    path, cache = write(OLD), way.new_cache()
    vm, other = new_vm(cache), new_vm(cache)
    keep, tell, told = VALUES[value]
    for each in (other, vm):
        each.run(f"dofile('{path}') {keep} f, g, h, s = nil")
    other.run("kept = nil")
    cache.clear()
    for each in (other, vm):
        each.run("collectgarbage() collectgarbage('step')")
    for _ in range(3):
        other.run(f"dofile('{path}') f, g, h, s = nil")
        cache.clear()
        for each in (other, vm):
            each.run("collectgarbage() collectgarbage()")
    assert vm.run(tell) == (told,)
    vm.run("kept = nil collectgarbage() collectgarbage()")
    assert held(cache) == 0


def test_a_collector_that_is_stopped_stays_so(way: Way, new_vm: NewVM, tmp_path: Path) -> None:
    ends_holds(way)
    path, cache = tmp_path / "module.lua", way.new_cache()
    vm = new_vm(cache)
    vm.run("collectgarbage('stop') gone = 0 setmetatable({}, {__gc = function() gone = gone + 1 end})")
    for turn in range(30):
        path.write_text(reloaded(turn))
        cache.clear()
        vm.run(f"m = dofile('{path}')")
    assert vm.run("return gone") == ("0",)
    cache.clear()
    vm.run("m = nil collectgarbage('restart') collectgarbage() collectgarbage()")
    assert held(cache) == 0


@pytest.mark.parametrize("evict", [False, True], ids=["clear", "evict"])
def test_clearing_while_vms_load(way: Way, write: Write, new_vm: NewVM, evict: bool) -> None:
    paths = [write(f"local n = ... return n + {i}, 'constant {i}'") for i in range(20)]
    cache = way.new_cache()

    def load(vm: VM) -> None:
        for turn in range(30):
            for number, path in enumerate(paths):
                assert vm.run(f"return loadfile('{path}')({turn})") == (str(turn + number), f'"constant {number}"')

    vms = [new_vm(cache) for _ in range(4)]
    with ThreadPoolExecutor(len(vms)) as pool:
        loads = [pool.submit(load, vm) for vm in vms]
        while not all(done.done() for done in loads):
            cache.evict(*random.sample(paths, 3)) if evict else cache.clear()
    for done in loads:
        done.result()
    for vm in vms:
        vm.vm.close()
    cache.clear()
    assert cache.generations() == []
