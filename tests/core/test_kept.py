"""What Load keeps in a VM: one function per file, the newest, at little cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.model import CacheMode, LuaVersion
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str], str]

PLACE_BYTES = 40  # in a table that may be half empty


@pytest.mark.parametrize("version", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_a_vm_keeps_a_shared_file_for_little_more_than_its_closure(
    version: LuaVersion, new_vm: NewVM, write: Write
) -> None:
    """The name of a file, however long, is not the VM's."""
    cache = CodeCache(version)
    names = [write(f"{'folder/' * 12}module_{number}.lua", "return 1").encode() for number in range(100)]
    first, second = new_vm(cache), new_vm(cache)
    assert first.load(names) == []
    second.run("return 1")
    before = second.collect()
    assert second.load(names) == []
    cache.measure()
    private = sum(row.private_bytes for row in cache.generations())
    assert second.collect() - before - private <= len(names) * PLACE_BYTES


def test_a_file_that_is_loaded_again_is_kept_once(lua: LuaVersion, new_vm: NewVM, write: Write) -> None:
    cache = CodeCache(lua)
    vm, other = new_vm(cache), new_vm(cache)
    name = write("m.lua", "return 1").encode()
    sizes = []
    for number in range(12):
        write("m.lua", f"return {number + 1000}")
        cache.clear()
        assert vm.load([name]) == []
        assert other.load([name]) == []
        sizes.append(vm.collect())
    assert sizes[-1] - sizes[3] < 2048
    assert vm.run_file(name.decode()).values == ("1011",)


def test_one_loaded_without_and_then_with_the_cache_is_kept_once(lua: LuaVersion, new_vm: NewVM, write: Write) -> None:
    cache = CodeCache(lua)
    vm = new_vm(cache)
    name = write("m.lua", "local function f() return '" + "x" * 4000 + "' end return f").encode()
    sizes = []
    for _ in range(6):
        for mode in (CacheMode.OFF, CacheMode.ON):
            vm.mode = mode
            assert vm.load([name]) == []
        sizes.append(vm.collect())
    assert sizes[-1] - sizes[1] < 512


def test_a_script_that_spoils_the_table_loses_only_its_own(lua: LuaVersion, new_vm: NewVM, write: Write) -> None:
    cache = CodeCache(lua)
    vm = new_vm(cache)
    names = [write(f"m{number}.lua", f"return {number}").encode() for number in range(20)]
    assert vm.load(names) == []
    spoil = "for k, v in pairs(debug.getregistry()) do if type(k) == 'userdata' and type(v) == 'table' then {} end end"
    spoilt = ("for i in pairs(v) do v[i] = i end", "debug.getregistry()[k] = 7", "setmetatable(v, {__newindex = 1})")
    for action in spoilt:
        assert vm.run(spoil.replace("{}", action)).failure is None
        assert vm.load(names) == []
        assert [vm.run_file(name.decode()).values for name in names[:2]] == [("0",), ("1",)]
