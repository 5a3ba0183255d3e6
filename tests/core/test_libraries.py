"""Which standard libraries a VM has, and that what it has not cannot be got back."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.errors import UsageError
from moonscope.model import Libraries, LuaVersion, Update, VMOptions
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
Eventually = Callable[[Callable[[Update], object]], Update]

LESS = (Libraries.RESTRICTED, Libraries.PURE)

# Prints the path of every function that a script can get at without being given anything.
WALK = """
local seen, found = {}, {}
local function walk(value, path)
    if type(value) == "function" then found[#found + 1] = path end
    if seen[value] then return end
    seen[value] = true
    local meta = getmetatable(value)
    if type(meta) == "table" then walk(meta, path .. "<meta>") end
    if getfenv and type(value) == "function" then walk(getfenv(value), path .. "<env>") end
    if type(value) ~= "table" then return end
    for k, v in next, value do
        local name = type(k) == "string" and k or type(k) == "number" and "#" .. k or "?"
        for _, it in ipairs {k, v} do
            if it ~= nil and (type(it) == "table" or type(it) == "function" or type(it) == "userdata") then
                walk(it, path .. "." .. name)
            end
        end
    end
end
walk(_G, "") walk("", "<string>") walk(coroutine.create(walk), "<thread>")
print(table.concat(found, "\\n"))
"""

NATIVE = {"loadlib", "getregistry", "sethook", "setupvalue", "upvaluejoin", "getinfo", "cdef", "funck", "attach"}
SYSTEM = NATIVE | {
    "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname", "open", "popen", "lines", "tmpfile",
    "write", "close", "clear",
}  # fmt: skip


def reachable(vm: LuaVM) -> set[str]:
    """Names by which a script finds functions, but for namesakes of those that reach the system. `require` has been
    asked for what it can give."""
    vm.run("for _, name in ipairs {'ffi', 'jit.util', 'jit.profile', 'string.buffer', 'io', 'debug', 'codecache'} do "
           "pcall(require, name) end")  # fmt: skip
    result = vm.run(WALK)
    assert result.failure is None
    harmless = ("table.remove", "table.clear", "coroutine.close")
    paths = [path for path in result.output.split("\n") if not path.endswith(harmless)]
    return {path.rpartition(".")[2].partition("<")[0] for path in paths}


def test_a_vm_has_all_libraries_unless_told_otherwise(lua: LuaVersion, new_vm: NewVM) -> None:
    found = reachable(new_vm(CodeCache(lua)))
    assert {"loadlib", "getregistry", "execute", "popen", "setlocale", "clear"} <= found


def test_restricted_reaches_the_system_but_no_memory(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), libraries=Libraries.RESTRICTED)
    found = reachable(vm)
    assert found & NATIVE == set()
    assert {"execute", "popen", "setlocale", "open", "clear", "dump"} <= found
    assert vm.run("return debug, package.cpath, #(package.searchers or package.loaders)").values == ("nil", "nil", "2")


def test_pure_reaches_nothing_of_the_system(lua: LuaVersion, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), libraries=Libraries.PURE)
    found = reachable(vm)
    assert found & SYSTEM == set()
    assert {"loadfile", "dofile", "require", "clock", "time", "date", "difftime", "sort", "wrap", "dump"} <= found
    assert vm.run("return io, debug, jit, package.loaded.io").values == ("nil", "nil", "nil", "nil")


@pytest.mark.parametrize("libraries", LESS)
def test_what_is_gone_cannot_be_required(lua: LuaVersion, libraries: Libraries, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), libraries=libraries)
    for name in ("debug", "ffi", "jit.util", "jit.profile", "string.buffer"):
        assert vm.run(f"return (pcall(require, '{name}'))").values == ("false",), name


@pytest.mark.parametrize("libraries", Libraries)
def test_files_load_through_the_cache(lua: LuaVersion, libraries: Libraries, new_vm: NewVM, write: Write) -> None:
    path = write("m.lua", "return {1, load and 2}")
    cache = CodeCache(lua)
    for hits in range(2):
        vm = new_vm(cache, libraries=libraries, roots=(str(Path(path).parent),))
        assert vm.run("return require('m')[2], #dofile(package.searchpath and package.searchpath('m', package.path) or "
                      f"{path!r})").values == ("2", "2")  # fmt: skip
        assert cache.counters().hits == 2 * hits + 1
    assert vm.run(f"return loadfile({path!r}, 't', _G)()[1]").values == ("1",)


@pytest.mark.parametrize("libraries", LESS)
def test_binary_chunks_are_refused_by_every_way_to_load(
    lua: LuaVersion, libraries: Libraries, new_vm: NewVM, write: Write
) -> None:
    cache = CodeCache(lua, allow_binary=True)
    dump = cache.compile(write("plain.lua", "return 'ran'"))
    write("binary.lua", dump)
    path = write("shebang.lua", b"#!lua\n" + dump)
    vm = new_vm(cache, libraries=libraries, roots=(str(Path(path).parent),))
    result = vm.run(f"""
        local dump, folder = string.dump(function() return 'ran' end), {str(Path(path).parent)!r}
        local function pieces(text, size)
            local at = 1 - size
            return function() at = at + size return at <= #text and text:sub(at, at + size - 1) or nil end
        end
        local function tell(what, f, err)
            if f then print(what, "loaded") else print(what, (err:gsub("^error loading module.-\\t", ""))) end
        end
        for _, mode in ipairs {{"bt", "b", "t", "", false}} do
            mode = mode or nil
            tell("reader", load(pieces(dump, 1), "x", mode))
            tell("reader", load(pieces(dump, 100000), "x", mode, {{}}))
            tell("file", loadfile(folder .. "/binary.lua", mode))
            tell("file", loadfile(folder .. "/shebang.lua", mode, {{}}))
            if _VERSION ~= "Lua 5.1" or jit then tell("string", load(dump, "x", mode)) end
        end
        if loadstring then tell("string", loadstring(dump)) end
        tell("file", require "codecache".loadfile(folder .. "/binary.lua"))
        for _, call in ipairs {{dofile, function() return require "binary" end}} do
            local ok, err = pcall(call, folder .. "/binary.lua")
            tell("run", ok, err)
        end
    """)
    assert result.failure is None
    lines = [line.split("\t") for line in result.output.splitlines()]
    assert len(lines) > 15
    words = {
        "attempt to load a binary chunk (mode is 't')",
        "attempt to load chunk with wrong mode",  # LuaJIT
        "cannot load malformed bytecode",  # LuaJIT, of every binary chunk that comes after a first line
    }
    assert {line[-1].rpartition(": ")[2] for line in lines} <= words


@pytest.mark.parametrize("libraries", LESS)
def test_a_binary_chunk_in_the_cache_is_not_for_a_vm_that_refuses_them(
    lua: LuaVersion, libraries: Libraries, new_vm: NewVM, write: Write
) -> None:
    cache = CodeCache(lua, allow_binary=True)
    path = write("binary.luac", cache.compile(write("plain.lua", "return 'ran'")))
    assert new_vm(cache).run(f"return dofile({path!r})").values == ('"ran"',)
    for _ in range(2):
        assert new_vm(cache, libraries=libraries).run(f"return loadfile({path!r}) == nil").values == ("true",)
    assert new_vm(cache).run(f"return dofile({path!r})").values == ('"ran"',)
    assert cache.counters().hits == 1


@pytest.mark.parametrize("mode", ["b", "bt", None])
def test_a_cache_refuses_binary_files_whatever_mode_they_are_loaded_with(
    lua: LuaVersion, mode: str | None, new_vm: NewVM, write: Write
) -> None:
    path = write("binary.luac", CodeCache(lua).compile(write("plain.lua", "return 'ran'")))
    vm = new_vm(CodeCache(lua))
    result = vm.run(f"return loadfile({path!r}, {'nil' if mode is None else repr(mode)}) == nil")
    assert result.values == ("true",)


@pytest.mark.parametrize("libraries", LESS)
def test_load_is_the_stock_function_for_text(lua: LuaVersion, libraries: Libraries, new_vm: NewVM) -> None:
    script = r"""
        local function tell(...)
            local texts = {}
            for i = 1, select("#", ...) do
                local value = (select(i, ...))
                texts[i] = type(value) == "function" and "f" or tostring(value)
            end
            print(table.concat(texts, " | "))
        end
        local function once(text) local given return function() if not given then given = true return text end end end
        local function never() error("no reader") end
        local calls = {
            {"return 1"}, {"return 1", "name"}, {"x ="}, {"x =", "=name"}, {"x =", "@file"}, {5}, {5, 6}, {""}, {nil},
            {}, {{}}, {true}, {once("return 1")}, {once("x =")}, {once("x ="), "=n"}, {once({})}, {once(5)}, {never},
            {once("")}, {"return 1", "n", "t"}, {"return 1", "n", "b"}, {"return 1", "n", ""}, {"return 1", "n", {}},
            {"return a", "n", "t", {a = 7}}, {"return a", "n", nil, {a = 7}}, {"return a", {}}, {"return 1", "n", "x"},
        }
        for _, f in ipairs {load, loadstring} do
            for i, call in ipairs(calls) do
                local results = {pcall(f, (unpack or table.unpack)(call, 1, 4))}
                tell(i, (unpack or table.unpack)(results, 1, 3))
                if type(results[2]) == "function" then tell(i, pcall(results[2])) end
            end
        end
        tell(pcall(function() load() end)) tell(pcall(function() load({}) end))
    """
    results = [new_vm(CodeCache(lua), libraries=chosen).run(script) for chosen in (Libraries.ALL, libraries)]
    assert [result.failure for result in results] == [None, None]
    assert results[0].output.count("\n") > 30
    # 5.2 names a function by what it finds first: load, loadstring or _G.load
    texts = [re.sub(r"(_G\.)?load(string)?\b", "load", result.output) for result in results]
    assert texts[1] == texts[0]


@pytest.mark.parametrize("libraries", LESS)
def test_damaged_dumps_do_no_harm(lua: LuaVersion, libraries: Libraries, new_vm: NewVM, write: Write) -> None:
    generator = random.Random(9)
    vm = new_vm(CodeCache(lua), libraries=libraries)
    source = "local t, s = {1, 2.5, 'x'}, ... for i = 1, 3 do t[i] = function() return s, t, i end end return t"
    dump = CodeCache(lua).compile(write("source.lua", source))
    damaged = bytearray()
    for _ in range(2_000):
        copy = bytearray(dump)
        for _ in range(generator.randint(1, 6)):
            copy[generator.randrange(1, len(copy))] = generator.randrange(256)
        damaged += copy
    path = write("dumps.lua", b"return {'" + "','".join(
        "".join(f"\\{byte:03}" for byte in damaged[at : at + len(dump)]) for at in range(0, len(damaged), len(dump))
    ).encode() + b"'}")  # fmt: skip
    result = vm.run(f"""
        local refused, load = 0, loadstring or load
        for _, dump in ipairs(dofile({path!r})) do
            local f, err = load(dump)
            if f then pcall(f) else refused = refused + 1 end
        end
        return refused
    """)
    assert (result.failure, result.values) == (None, ("2000",))


def test_text_given_to_a_vm_to_run_is_text(lua: LuaVersion, new_vm: NewVM) -> None:
    assert new_vm(CodeCache(lua)).run("\x1bLua", expression=False).failure is not None
    result = new_vm(CodeCache(lua)).run("\x1bLuaQ", expression=False)
    assert result.failure is not None
    assert "binary chunk" in result.failure.message or "wrong mode" in result.failure.message


@pytest.mark.parametrize("libraries", LESS)
def test_a_failure_has_its_traceback(lua: LuaVersion, libraries: Libraries, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), libraries=libraries)
    failure = vm.run("local function inner() error('oops') end inner()").failure
    assert failure is not None
    assert "inner" in failure.traceback


@pytest.mark.parametrize("libraries", LESS)
def test_a_vm_that_compiles_no_traces_cannot_switch_that_on(libraries: Libraries, new_vm: NewVM) -> None:
    for jit, values in ((False, ("nil",)), (True, ("true",))):
        vm = new_vm(CodeCache(LuaVersion.LUAJIT21), libraries=libraries, jit=jit)
        assert vm.run("return jit and jit.on and pcall(jit.on) or nil").values == (
            ("nil",) if libraries is Libraries.PURE else values
        )


def test_an_engine_has_a_default_and_tells_what_each_vm_has(eventually: Eventually, engine: Engine) -> None:
    engine.perform(Spawn(options=VMOptions(libraries=Libraries.PURE)))
    engine.perform(Spawn())
    rows = eventually(lambda update: len(update.vms) == 2).vms
    assert [row.libraries for row in rows] == [Libraries.PURE, Libraries.ALL]
    with Engine(default_libraries=Libraries.RESTRICTED) as other:
        other.perform(Spawn())
        other.perform(Spawn(options=VMOptions(libraries=Libraries.ALL)))
        assert [row.libraries for row in other.changes(0).vms] == [Libraries.RESTRICTED, Libraries.ALL]
        runs = other.perform(RunChunk((), "type(debug)"))
        assert [result.values for result in runs] == [('"nil"',), ('"table"',)]


def test_the_c_part_refuses_a_set_that_is_none() -> None:
    cache = CodeCache()
    with pytest.raises(ValueError, match="no set of libraries"):
        cache.native.spawn(1, 0, 0, 0, b"", False, False, 16)
    with pytest.raises(UsageError):
        LuaVM(cache, VMOptions(lua=LuaVersion.LUA51))
