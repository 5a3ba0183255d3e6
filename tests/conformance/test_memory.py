"""What a tier is for: how much of a file each further VM holds itself, as its own allocator counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moonscope.model import Sharing

from .conftest import VM, NewVM, Way, Write, new_word

FILE = "\n".join(
    f"function object.method_{i}(self, first, second)\n"
    f"    local sum = first + second * {i}.5\n"
    f"    if sum > {i * 1000} then return self.name_{i % 40}, 'text {i % 60}' end\n"
    f"    return sum, print, tostring\n"
    f"end"
    for i in range(200)
)


def growth(vm: VM, path: str) -> int:
    """Bytes that the VM holds more after a load."""
    vm.run("collectgarbage()")
    before = vm.vm.collect()
    vm.run(f"loaded = loaded or {{}} loaded[#loaded + 1] = loadfile('{path}')")
    return vm.vm.collect() - before


@pytest.fixture
def word() -> str:
    """A word that no VM has seen yet."""
    return new_word()


@pytest.fixture
def path(word: str, write: Write) -> str:
    return write(f"local object = {{}} object.{word} = 1\n{FILE}")


@pytest.fixture
def plain(way: Way, path: str, new_vm: NewVM) -> int:
    """Bytes of a plain load."""
    return growth(new_vm(way.new_cache(Sharing.OFF)), path)


def test_a_further_vm_holds_little_of_a_file(way: Way, path: str, plain: int, new_vm: NewVM) -> None:
    cache = way.new_cache()
    growth(new_vm(cache), path)
    private = growth(new_vm(cache), path)
    limits = {Sharing.BYTECODE: 1.25, Sharing.GRAFT: 0.75, Sharing.DIRECT: 0.02}
    assert private <= limits[way.sharing] * plain


COMPILES_A_HUGE_STRING = """
import resource, sys
from moonscope import CodeCache
from moonscope.model import VMOptions
from moonscope.vms.vm import LuaVM
lua, own, sharing, path = sys.argv[1:]
cache = CodeCache(lua, own=own == "True", sharing=sharing)
vm = LuaVM(cache, VMOptions(lua=cache.lua, memory_cap=8 << 20))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(vm.load([path.encode()])[0].message)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown // (1 if sys.platform == "linux" else 1024))
"""


def test_compiling_for_a_vm_is_under_its_memory_cap(way: Way, tmp_path: Path) -> None:
    """Also where it is done in a state of its own: the process must not grow by what the file asks for."""
    huge = tmp_path / "huge.lua"
    with huge.open("wb") as file:
        file.write(b"return [[")
        file.truncate(200 << 20)
    command = [sys.executable, "-c", COMPILES_A_HUGE_STRING, way.lua, str(way.own), way.sharing, str(huge)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    message, kilobytes = done.stdout.splitlines()
    assert "not enough memory" in message
    assert int(kilobytes) < 64 << 10


def test_a_second_load_in_one_vm_costs_a_closure(way: Way, path: str, new_vm: NewVM) -> None:
    if way.sharing is Sharing.BYTECODE:
        return  # each load is a copy
    vm = new_vm(way.new_cache())
    growth(vm, path)
    assert min(growth(vm, path), growth(vm, path)) < 400  # in one of them the VM's table of strings may have to grow


def test_the_vm_that_compiled_shares_too(way: Way, path: str, plain: int, new_vm: NewVM) -> None:
    if way.sharing is Sharing.BYTECODE:
        return
    assert growth(new_vm(way.new_cache()), path) < 0.75 * plain


def test_the_vm_that_compiled_keeps_nothing_of_the_compiler(way: Way, path: str, plain: int, new_vm: NewVM) -> None:
    if way.sharing is Sharing.BYTECODE:
        return
    cache = way.new_cache()
    compiled = growth(new_vm(cache), path)
    assert compiled < growth(new_vm(cache), path) + 0.02 * plain


def test_a_vm_with_a_word_of_its_own_is_served_at_the_cost_of_a_graft(
    way: Way, word: str, path: str, plain: int, new_vm: NewVM
) -> None:
    if way.sharing is not Sharing.DIRECT:
        return
    cache = way.new_cache()
    old, young = new_vm(cache), new_vm(cache)
    old.run(f"own = '{word}'")
    growth(young, path)
    assert 0.02 * plain < growth(old, path) < 0.75 * plain
    assert growth(new_vm(cache), path) < 0.02 * plain


def test_vms_that_are_older_than_the_file_share_all_of_it_when_they_have_no_word_of_it(
    way: Way, path: str, plain: int, new_vm: NewVM
) -> None:
    if way.sharing is not Sharing.DIRECT:
        return
    cache = way.new_cache()
    old = new_vm(cache)
    growth(new_vm(cache), path)
    assert growth(old, path) < 0.02 * plain


def test_the_words_that_lua_itself_makes_are_no_conflict(way: Way, write: Write, new_vm: NewVM) -> None:
    """Every VM makes the empty string and single characters for itself, long before it loads a file that has them."""
    if way.sharing is not Sharing.DIRECT:
        return
    bytes_of_every_kind = ", ".join(f"'\\{byte:03d}'" for byte in range(256))
    path, cache = write(f"local all = {{'', {bytes_of_every_kind}}} return all"), way.new_cache()
    old = new_vm(cache)
    old.run("local all = '' for byte = 0, 255 do all = all .. ('x'):gsub('x', '') .. string.char(byte) end")
    growth(new_vm(cache), path)
    assert growth(old, path) < 1000


def test_what_the_cache_says_is_what_vms_hold(way: Way, path: str, plain: int, new_vm: NewVM) -> None:
    cache = way.new_cache()
    growth(new_vm(cache), path)
    private = growth(new_vm(cache), path)
    cache.measure()
    (row,) = cache.generations()
    assert abs(row.private_bytes - private) < 0.1 * plain
    # Measured by loading a dump; one of Lua 5.2 names its file again in every function.
    unshared = private if way.lua == "5.2" else plain
    assert abs(row.unshared_bytes - unshared) < 0.1 * plain
