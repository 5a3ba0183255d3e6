"""Shared code lives as long as anything may run it: until `lua_close` has returned in the last VM that loaded it."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache import CodeCache
from moonscope.model import GenerationState

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
