"""math.random of Lua 5.1 – 5.3: each VM has its own numbers, those of a Lua that is alone in its process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]

SHARED = (LuaVersion.LUA51, LuaVersion.LUA52, LuaVersion.LUA53)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only glibc lends its generator")

SCRIPT = """\
local out = {}
local function tell(...)
    for i = 1, select("#", ...) do out[#out + 1] = tostring((select(i, ...))) end
end
local function numbers()
    for i = 1, 50 do
        tell(("%.17g"):format(math.random()), math.random(6), math.random(-3, 3), math.random(1, 2^31 - 1))
    end
end
numbers()
for _, seed in ipairs {0, 1, 42, 1234567890, 2^31, 2^32 - 1, -5, 1.5} do
    tell(pcall(math.randomseed, seed))
    numbers()
end
for _, case in ipairs {{0}, {2, 1}, {1, 2, 3}, {"x"}, {{}}, {1, "x"}, {1.5}, {1.5, 2.5}, {"10"}, {-2^53, 2^53}, {2^60},
                       {-2^31, 2^31 - 1}, {1, 2^53}, {1 / 0}, {0 / 0}, {1, 1 / 0}, {-2^63, 2^62}, {5, 5}} do
    tell(pcall(function() return math.random((unpack or table.unpack)(case)) end))
end
for _, case in ipairs {{}, {"x"}, {"7"}, {2^70}, {0 / 0}} do
    tell(pcall(function() return math.randomseed((unpack or table.unpack)(case)) end))
    tell(math.random(1000))
end
return table.concat(out, "\\n")
"""

ALONE = """
import importlib, sys
runtime = importlib.import_module(sys.argv[1]).LuaRuntime(encoding="latin-1")
print(runtime.eval('assert((loadstring or load)(...,"=console"))'.replace("...", "[====[" + sys.argv[2] + "]====]"))())
"""


@pytest.fixture(params=SHARED)
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    return LuaVersion(request.param)


def test_numbers_and_errors_are_those_of_a_lua_alone(lua: LuaVersion, new_vm: NewVM) -> None:
    module = f"lupa.lua{lua.replace('.', '')}"
    command = [sys.executable, "-c", ALONE, module, SCRIPT]
    alone = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    other = new_vm(CodeCache(lua))
    other.run("for i = 1, 7 do math.random() end")  # which is nobody else's business
    result = new_vm(CodeCache(lua)).run(SCRIPT)
    assert result.failure is None
    [text] = result.values
    assert len(text.splitlines()) > 1_500
    assert text.strip('"').splitlines() == alone.strip().splitlines()


def test_vms_do_not_disturb_each_other(lua: LuaVersion, new_vm: NewVM) -> None:
    one, two = new_vm(CodeCache(lua)), new_vm(CodeCache(lua))
    for vm in (one, two):
        assert vm.run("math.randomseed(11)").failure is None
    draw = "return math.random(1e9), math.random(1e9)"
    first = one.run(draw).values
    two.run("math.randomseed(99) for i = 1, 100 do math.random() end math.randomseed(11)")
    second = one.run(draw).values
    assert two.run(draw).values == first
    assert two.run(draw).values == second


def test_a_script_that_changes_upvalues_finds_none(lua: LuaVersion, new_vm: NewVM) -> None:
    result = new_vm(CodeCache(lua)).run(
        "return debug.setupvalue(math.random, 1, 1), debug.setupvalue(math.randomseed, 1, 1), math.random(1)"
    )
    assert result.values[-1].startswith("1")
    assert result.values[:2] == ("nil", "nil")
