"""Nothing that a script can reach through `debug` harms the process, or another VM.

Each case runs in a process of its own, so that a crash is a failed test.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from moonscope.cache.runtime import has_own
from moonscope.model import LuaVersion

LUAS = tuple(LuaVersion)
JITS = tuple(lua for lua in LUAS if lua.value.startswith("luajit"))

BEGIN = """
import sys
from moonscope.cache.code_cache import CodeCache
from moonscope.model import Sharing, VMOptions
from moonscope.vms.vm import LuaVM

cache = CodeCache(sys.argv[1])

def new_vm():
    return LuaVM(cache, VMOptions(lua=cache.lua))

def run(vm, source):
    done = vm.run(source)
    assert done.failure is None, done.failure
    return done.values
"""


def run_python(source: str, lua: LuaVersion = LuaVersion.LUA54, *arguments: str) -> None:
    """Runs Python source after BEGIN in a process of its own; a crash fails the test."""
    command = [sys.executable, "-X", "faulthandler", "-c", BEGIN + textwrap.dedent(source), lua.value, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("lua", LUAS)
def test_functions_of_ours_trust_no_upvalue(lua: LuaVersion) -> None:
    run_python(
        """
        vm = new_vm()
        run(vm, '''
            local ours = {print = print, loadfile = loadfile, dofile = dofile, exit = os.exit, write = io.write,
                          resume = coroutine.resume, wrap = coroutine.wrap, cache = package.preload.codecache,
                          other = package.preload["skynet.codecache"]}
            for _, f in pairs(require "codecache") do ours[#ours + 1] = f end
            for _, f in pairs(package.searchers or package.loaders) do ours[#ours + 1] = f end
            for _, value in ipairs {1, "x", function() end, {}, coroutine.create(function() end)} do
                for name, f in pairs(ours) do
                    for i = 1, 8 do pcall(debug.setupvalue, f, i, value) end
                    if name ~= "exit" then pcall(f, "no such file") end
                end
            end
            print "still here"
        ''')
        assert run(vm, "return 6 * 7") == ("42",)
        """,
        lua,
    )


@pytest.mark.parametrize("lua", LUAS)
def test_a_registry_that_was_emptied_is_done_without(lua: LuaVersion, tmp_path: Path) -> None:
    path = tmp_path / "p.lua"
    path.write_text("return {name = 'a name'}")
    run_python(
        """
        path = sys.argv[2]
        for value in ("nil", "1", "'text'", "print", "coroutine.create(function() end)"):
            vm, other = new_vm(), new_vm()
            assert vm.load([path.encode()]) == []
            run(vm, '''
                require "codecache"
                local reg = debug.getregistry()
                local keys = {}
                for key in pairs(reg) do if type(key) == "userdata" then keys[#keys + 1] = key end end
                for _, key in ipairs(keys) do reg[key] = VALUE end
            '''.replace("VALUE", value))
            assert vm.load([path.encode()]) == []
            vm.run("print(2)")
            vm.run("error({})")
            vm.run(f"return dofile('{path}').name")
            assert run(other, f"return dofile('{path}').name") == ('"a name"',)
            vm.close()
        """,
        lua,
        str(path),
    )


def test_a_searchpath_that_gives_no_name_is_an_error() -> None:
    run_python(
        """
        vm = new_vm()
        run(vm, '''
            local searcher = package.searchers[2]
            for i = 1, 4 do debug.setupvalue(searcher, i, i == 2 and function() return {} end or package) end
            local ok, message = pcall(searcher, "m")
            assert(not ok and message:find("'package.searchpath' must return a string", 1, true), message)
        ''')
        """
    )


@pytest.mark.parametrize("lua", [lua for lua in LUAS if lua not in (LuaVersion.LUA51, *JITS)])
def test_a_coroutine_in_the_place_of_the_main_one_is_not_believed(lua: LuaVersion) -> None:
    """The end of the main coroutine is the end of the VM: with another one, that would come when it is collected."""
    run_python(
        """
        import importlib
        lupa = importlib.import_module("lupa.lua" + cache.lua.value.replace(".", ""))
        state = lupa.LuaRuntime()
        index = 3 if cache.lua.value == "5.5" else 1
        state.execute(f"debug.getregistry()[{index}] = coroutine.create(print)")
        try:
            cache.attach(state)
        except Exception as error:
            assert "main coroutine" in str(error), error
        else:
            raise AssertionError("it was believed")
        """,
        lua,
    )


@pytest.mark.parametrize("lua", JITS)
def test_a_script_cannot_end_a_vm_by_its_finalizer(lua: LuaVersion) -> None:
    run_python(
        """
        vm = new_vm()
        run(vm, '''
            local reg = debug.getregistry()
            local ends = debug.getmetatable(reg["moonscope.end"]).__gc
            ends(reg["moonscope.end"])
            coroutine.wrap(ends)(reg["moonscope.end"])
            reg["moonscope.end"] = nil
            collectgarbage() collectgarbage()
            print "still here"
        ''')
        assert not vm.closed
        vm.close()
        assert vm.closed
        """,
        lua,
    )


@pytest.mark.parametrize("lua", LUAS)
def test_a_coroutine_that_there_is_no_memory_to_resume_ends_no_process(lua: LuaVersion) -> None:
    """Lua 5.1 raises in the coroutine when its stack cannot grow, where nothing catches the error."""
    run_python(
        """
        from moonscope.model import Libraries
        vm = LuaVM(cache, VMOptions(lua=cache.lua, libraries=Libraries.PURE, memory_cap=1 << 20))
        vm.run('''
            local unpack, resume = unpack or table.unpack, coroutine.resume
            local arguments, held, size = {}, nil, 20000
            for i = 1, 3000 do arguments[i] = i end
            local function fill_in_blocks() while true do size = size + 1 held = {held, ("x"):rep(size)} end end
            local function fill() while true do held = {held} end end
            local function pass(co, count) return resume(co, unpack(arguments, 1, count)) end
            local function round(number)
                local coroutines = {}
                for i = 1, 30 do
                    coroutines[i] = coroutine.create(function() coroutine.yield() end)
                    if number % 2 == 0 then resume(coroutines[i]) end
                end
                pass(coroutine.create(print), 3000) -- room for them in this coroutine
                pcall(fill_in_blocks)
                pcall(fill)
                for i = 1, number % 5 do held = held and held[1] end
                for i = 1, 30 do pcall(pass, coroutines[i], 100 * i) end
            end
            for number = 1, 20 do
                pcall(round, number)
                held = nil
                collectgarbage()
            end
        ''')
        assert run(new_vm(), "return 6 * 7") == ("42",)
        """,
        lua,
    )


@pytest.mark.skipif(not has_own(LuaVersion.LUA54), reason="moonscope-runtime is not installed")
@pytest.mark.parametrize("lua", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_what_is_left_above_the_top_of_a_stack_is_not_freed(lua: LuaVersion, tmp_path: Path) -> None:
    """A finalizer leaves a string of a retired generation there, after the collector has cleared that part; a hook
    brings it back. Where it lies depends on the depth of frames, so many are tried. The address sanitizer sees it
    best."""
    path = tmp_path / "p.lua"
    run_python(
        """
        cache = CodeCache(sys.argv[1], own=True)
        vm, path, found = new_vm(), sys.argv[2], 0
        for depth in range(1, 60, 4):
            open(path, "w").write(f"return {{text = '{'TEXT' * 2000}'}} -- {depth}")
            other = new_vm()
            assert other.load([path.encode()]) == []
            other.close()
            run(vm, f"holder = {{text = dofile('{path}').text}}")
            cache.clear()
            (text,) = run(vm, '''
                local deep = assert(load("local t = ... local " .. ("x,"):rep(DEPTH) .. "s s = t.text t.text = nil"))
                local arguments = ("1,"):rep(200) .. "1"
                local big = assert(load("local x = 1 if x == 2 then print(" .. arguments .. ") end\\\\n return x"))
                local t, found = holder, nil
                setmetatable({}, {__gc = function() deep(t) end})
                collectgarbage()
                debug.sethook(function()
                    for i = 1, 250 do
                        local _, value = debug.getlocal(2, i)
                        if type(value) == "string" and #value == 8000 then found = value end
                    end
                end, "l")
                big()
                debug.sethook()
                return found and found:sub(1, -1):gsub("TEXT", "")
            '''.replace("DEPTH", str(depth)))[:1]
            found += text == '""'
            assert text in ('""', "nil"), text[:80]
        assert found > 0
        """,
        lua,
        str(path),
    )
