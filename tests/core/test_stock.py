# ruff: noqa: E501 (a snippet is one line, as in a list of them)
"""What a VM replaces behaves as the stock function does: results, output, messages with their positions, limits.

Each snippet runs in a VM and in a stock runtime of the same release, and must end the same to the byte.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]

RUN_STOCK = Path(__file__).parent / "run_stock.py"

DRIVER = """
if jit then jit.off() end -- as in a VM
local tostring, select, concat = tostring, select, table.concat
local function words(n, ...)
  local parts = {}
  for i = 1, n do parts[i] = tostring((select(i, ...))) end
  return concat(parts, "|")
end
local write, out = io.write, io.stdout
local function results(...) io.output(out) write("=> ", words(select("#", ...), ...), "\\n") end
for _, source in ipairs({SOURCES}) do
  local chunk, message = (loadstring or load)(source, "=probe")
  if chunk then results(pcall(chunk)) else write("syntax: ", message, "\\n") end
end
"""


def driver(snippets: Sequence[str]) -> str:
    """A program that runs snippets, one after the other, and prints what each returned or raised."""
    level = "=" * 5
    return DRIVER.replace("SOURCES", ", ".join(f"[{level}[\n{snippet}]{level}]" for snippet in snippets))


def comparable(outcome: str) -> str:
    """Without the addresses and numbers that no two processes have in common."""
    outcome = re.sub(r"\bfunction: builtin(: |#)\d+", "function: 0x?", outcome)
    return re.sub(r"0x[0-9a-f]{6,}", "0x?", outcome)


@functools.cache
def outcomes(lua: LuaVersion) -> dict[tuple[str, ...], str]:
    """What each of the programs prints in a stock runtime of this Lua."""
    programs = [program for group in GROUPS.values() for program in group]
    done = subprocess.run(
        [sys.executable, str(RUN_STOCK), lua.value],
        input=json.dumps([driver(program) for program in programs]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(programs, json.loads(done.stdout), strict=True))


ARGUMENTS = [
    "", "nil", "true", "0", "-1", "2.0", "2.5", "1e15", "2^53", "'x'", "'10'", "'a\\0b'", "{}", "print", "function() end",
    "io.stdout", "coroutine.create(function(...) return ... end)", "coroutine.running()",
    "setmetatable({}, {__tostring = function() return 'worded' end})",
    "setmetatable({}, {__tostring = function() return 1 end})", "setmetatable({}, {__call = function() end})", "1, 2",
    "'x', nil, {}", "io.stdout, 'x'", "io.stdout, 2.0", "io.stderr, 1, {}", "print, 1",
    "coroutine.create(print), 1, nil, 2",
]  # fmt: skip
FUNCTIONS = [
    "print", "io.write", "io.stdout.write", "io.stdout.seek", "io.stdout.setvbuf", "io.stdout.flush", "io.stdout.lines",
    "coroutine.resume", "coroutine.wrap", "coroutine.close", "coroutine.status", "coroutine.running",
    "coroutine.isyieldable", "coroutine.yield", "coroutine.create", "warn",
]  # fmt: skip
CALLS = [
    "return F(A)",
    "return pcall(F, A)",
    "local function named() local r = F(A) return r end return named()",
    "local f = F local x, y = f(A) return x, y",
    "return coroutine.wrap(function() return F(A) end)()",
    "return xpcall(function() local r = F(A) return r end, function(m) return m .. (debug.traceback('', 2):gsub('^.-(probe:%d+: in )', '%1', 1):match('[^\\n]*')) end)",
]  # fmt: skip


def calls(function: str) -> list[tuple[str, ...]]:
    """The function with every kind of argument: a program for each way to call it."""
    return [
        tuple(
            call.replace("F, A", f"{function}, {argument}" if argument else function)
            .replace("F", function)
            .replace("A", argument)
            for argument in ARGUMENTS
        )
        for call in CALLS
    ]


WRITTEN = {
    "print": [
        "tostring = function(v) return '<' .. type(v) .. '>' end print(1, nil, {})",
        "tostring = function() return 7 end print(1)",
        "tostring = function() return {} end print(1)",
        "tostring = nil print(1)",
        "tostring = 42 print(1)",
        "local t = tostring if setfenv then setfenv(0, setmetatable({tostring = function() return 'mine' end}, {__index = _G})) end print(1)",
        """local co = coroutine.create(function() print(1) end)
           if setfenv then debug.setfenv(co, setmetatable({tostring = function() return 'its own' end}, {__index = _G})) end
           return coroutine.resume(co)""",
        "setmetatable(_G, {__index = function(_, k) if k == 'tostring' then return function() return 'late' end end end}) tostring = nil print(1)",
        "print(coroutine.wrap(function() print(coroutine.yield(1)) end)())",
        "local co = coroutine.wrap(function() tostring = function(v) coroutine.yield(v) return 'x' end print(1) end) return co(), co()",
        "print(setmetatable({}, {__name = 'Kind'}), 0/0 ~= 0/0, 1e100, 12345678901234567890)",
        "print(('x'):rep(70000):len(), ('x'):rep(10))",
        "return debug.getinfo(print, 'S').what, debug.getinfo(print, 'u').nups, debug.getupvalue(print, 1), debug.setupvalue(print, 1, 1)",
        "return pcall(string.dump, print)",
        "io.output(io.stderr) print('to stdout') io.write('to stderr')",
    ],
    "io": [
        "io.write(2.0) io.write(' ', 2^53, ' ', 1e100, ' ', -0.0, ' ', 0x7fffffff, ' ', 1/3, ' ', math.pi, '\\n')",
        "io.write(1, 2.5, 'x', '\\n') return io.write('') == io.stdout, io.stdout:write('') == io.stdout",
        "local f = io.tmpfile() return f:write('a', {})",
        "local f = io.tmpfile() return pcall(f.write, f, 'a', {})",
        "return io.stdout:write('a', {})", "return io.stdout.write('a')", "return io.stdout.write()",
        "return io.stdout:write(nil)", "io.write('x', nil)", "io.write({})", "return pcall(io.write, {})",
        "local w = io.write w('x', print)", "return io.stdout:seek()", "return io.stdout:seek('set', 0)",
        "return io.stdout:seek('no')", "return io.stdout:read()", "return io.stdout:read('x')", "return io.stdout:lines()()",
        "return io.stdout:close()", "return io.stderr:close()", "return io.close()", "return io.close(io.stderr)",
        "io.stdout:close() print('still there') return io.type(io.stdout)", "return io.type(io.stderr), io.type(1)",
        "return io.stdout:setvbuf('no'), io.stdout:setvbuf('line'), io.stdout:setvbuf('full', 10)",
        "return io.stdout:setvbuf('what')", "return io.stdout:flush() == io.stdout, io.flush() == io.stdout",
        "io.output(io.stderr) io.write('to stderr') return io.output() == io.stderr",
        "local f = io.tmpfile() io.output(f) io.write('kept') f:seek('set') return f:read('*a')",
        "local f = io.tmpfile() io.output(f) io.write('kept') f:close() return io.write('x')",
        "return getmetatable(io.stdout).__name, getmetatable(io.stdout) == getmetatable(io.tmpfile())",
        "return tostring(io.stdout), tostring(io.stdout) == tostring(io.stdout), io.stdout ~= io.stderr",
        "return pcall(getmetatable(io.stdout).__gc, io.stdout)", "return #debug.getregistry()['FILE*']",
        "local gc = getmetatable(io.stdout).__gc gc(io.stdout) io.stdout:write('after gc')",
        "return debug.getupvalue(io.write, 1)", "return debug.getinfo(io.write, 'u').nups",
        "io.stdout:write(('x'):rep(100000):sub(1, 5))", "for _, v in ipairs({1, 2.0, 'three'}) do io.write(v, ' ') end",
    ],
    "coroutine": [
        "return coroutine.resume(42)", "coroutine.resume()", "coroutine.resume({})", "local r = coroutine.resume r(nil)",
        "coroutine.wrap()", "coroutine.wrap(1)", "coroutine.wrap(print)(1)", "coroutine.create(1)",
        "return coroutine.resume(coroutine.running() or coroutine.create(print))",
        "local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)",
        """local outer outer = coroutine.create(function()
             return coroutine.resume(coroutine.create(function() return coroutine.resume(outer) end)) end)
           return coroutine.resume(outer)""",
        "local co = coroutine.create(function() end) coroutine.resume(co) return coroutine.resume(co)",
        "local co = coroutine.create(error) coroutine.resume(co, 'x') return coroutine.resume(co)",
        "local f = coroutine.wrap(function() end) f() return f()",
        "local f = coroutine.wrap(function() error('bad') end) return pcall(f)",
        "local f = coroutine.wrap(function() error('bad') end) f()",
        "local f = coroutine.wrap(function() error('bad', 2) end) f()",
        "local f = coroutine.wrap(function() error('bad', 0) end) f()",
        "local f = coroutine.wrap(function() error(42) end) f()", "local f = coroutine.wrap(function() error() end) f()",
        "local f = coroutine.wrap(function() error({}) end) f()", "local f = coroutine.wrap(error) f('plain')",
        "local f = coroutine.wrap(function() local x = nil + 1 end) f()",
        "local f f = coroutine.wrap(function() f() end) f()", "local f = coroutine.wrap(error) return pcall(f, 'plain')",
        "local f = coroutine.wrap(coroutine.wrap(function() error('deep') end)) f()",
        "for a, b in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i, i * i) end end) do print(a, b) end",
        "for a in coroutine.wrap(function() coroutine.yield(1) error('in for') end) do print(a) end",
        "local f = coroutine.wrap(function(...) print(select('#', ...)) return ... end) return f(nil, nil)",
        "local co = coroutine.create(function(...) return select('#', coroutine.yield(...)) end) return coroutine.resume(co, 1, nil), coroutine.resume(co, nil, nil, nil)",
        "local f = coroutine.wrap(function(...) return ... end) return select('#', f((unpack or table.unpack)({}, 1, 7900)))",
        "local f = coroutine.wrap(function(...) return select('#', ...) end) return f((unpack or table.unpack)({}, 1, 7900))",
        "local co = coroutine.create(function(...) return ... end) return select('#', coroutine.resume(co, (unpack or table.unpack)({}, 1, 7900)))",
        "local co = coroutine.create(function(...) while true do coroutine.yield(...) end end) for i = 1, 3 do coroutine.resume(co, (unpack or table.unpack)({}, 1, 7000)) end return coroutine.status(co)",
        "local co co = coroutine.create(function() return coroutine.status(co) end) return coroutine.status(co), coroutine.resume(co)",
        "local outer outer = coroutine.wrap(function() local o = coroutine.running() return coroutine.wrap(function() return coroutine.status(o) end)() end) return outer()",
        "return coroutine.wrap(function() return pcall(coroutine.yield, 1) end)()",
        "local f = coroutine.wrap(function() return pcall(pcall, coroutine.yield, 1) end) return f(), pcall(f)",
        "local f = coroutine.wrap(function() table.sort({3, 2, 1}, function() coroutine.yield() end) end) return pcall(f)",
        "local f = coroutine.wrap(function() for _ in coroutine.yield, 1 do end end) return f(), f(), f(nil)",
        "local co = coroutine.create(function() local function deep() error('where') end deep() end) coroutine.resume(co) return debug.traceback(co)",
        "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) return debug.traceback(co, 'm')",
        "local f = coroutine.wrap(function() return debug.traceback('here') end) local r = f() return r",
        "return debug.getinfo(coroutine.resume, 'u').nups, debug.getinfo(coroutine.wrap, 'u').nups, debug.getinfo(coroutine.wrap(print), 'u').nups",
        "local f = coroutine.wrap(function() coroutine.yield() end) local _, co = debug.getupvalue(f, 1) return type(co)",
        "local name for i = 0, 3 do local info = coroutine.wrap(function() return debug.getinfo(1, 'n').name end)() name = info end return name",
        "return coroutine.wrap(function() return coroutine.running() ~= nil end)()",
        "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) return coroutine.resume(co), coroutine.resume(co), coroutine.status(co)",
        "local n = 0 local function over() n = n + 1 return over() + 1 end local co = coroutine.create(over) local ok, m = coroutine.resume(co) return ok, (m:gsub('%(.*', ''))",
        "local t = setmetatable({}, {__index = coroutine.wrap(function(t, k) while true do t, k = coroutine.yield(k .. '!') end end)}) return t.a, t.b",
        "local co = coroutine.wrap(function() return pcall(error, 'inner') end) return co()",
    ],
    "coroutine.close": [
        "coroutine.close()", "coroutine.close(1)", "coroutine.close(coroutine.running())",
        "return coroutine.close(coroutine.create(print))", "return pcall(coroutine.close, nil)",
        "local co = coroutine.create(error) coroutine.resume(co, 'x') return coroutine.close(co)",
        "local co = coroutine.create(error) coroutine.resume(co, 'x') coroutine.close(co) return coroutine.close(co)",
        "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) return coroutine.close(co), coroutine.status(co), coroutine.resume(co)",
        "local co co = coroutine.create(function() coroutine.close(co) end) return coroutine.resume(co)",
        "return coroutine.wrap(function() return pcall(coroutine.close) end)()",
        "local o o = coroutine.create(function() coroutine.wrap(function() coroutine.close(o) end)() end) return coroutine.resume(o)",
        """local co = coroutine.create(function() local c <close> = setmetatable({}, {__close = function(_, e) print('closed', e) end}) coroutine.yield() end)
           coroutine.resume(co) return coroutine.close(co)""",
        """local co = coroutine.create(function() local c <close> = setmetatable({}, {__close = function(_, e) error('in close') end}) coroutine.yield() end)
           coroutine.resume(co) return coroutine.close(co), coroutine.status(co)""",
        """local f = coroutine.wrap(function() local c <close> = setmetatable({}, {__close = function(_, e) print('closed', e) end}) error('bad') end) f()""",
        """local f = coroutine.wrap(function() local c <close> = setmetatable({}, {__close = function(_, e) error('other') end}) error('bad') end) f()""",
        """local f = coroutine.wrap(function() local c <close> = setmetatable({}, {__close = function(_, e) error({}) end}) error('bad') end) f()""",
        "for i in coroutine.wrap(function() coroutine.yield(1) end), nil, nil, setmetatable({}, {__close = function() print('closed') end}) do print(i) end",
    ],
    "debug.sethook": [
        "return debug.gethook()", "debug.sethook(1)", "debug.sethook(print)", "debug.sethook(print, 1, {})", "debug.sethook('x', 'l')",
        "debug.sethook(print, 'cr', 3) local f, m, c = debug.gethook() debug.sethook() return f == print, m, c, debug.gethook()",
        "debug.sethook(print, '') local f, m, c = debug.gethook() debug.sethook() return f == print, m, c",
        "debug.sethook(print, 'l', 0) debug.sethook(nil) return debug.gethook()",
        "local n = 0 debug.sethook(function(e) n = n + 1 end, '', 7) for i = 1, 1000 do local x = i * 2 end debug.sethook() return n",
        "local n = 0 debug.sethook(function(e) n = n + 1 for i = 1, 10 do end end, '', 1500) for i = 1, 100000 do end debug.sethook() return n",
        "local t = {} debug.sethook(function(e, l) t[#t + 1] = e .. tostring(l) end, 'crl')\nlocal function f()\nreturn 1 end\nf()\ndebug.sethook() return table.concat(t, ' ')",
        "local t = {} debug.sethook(function(e) t[#t + 1] = e .. ' ' .. tostring(debug.getinfo(2, 'n').name) end, 'c')\nlocal function tail() return math.abs(1) end local function f() return tail() end f() debug.sethook() return table.concat(t, ' ')",
        "debug.sethook(function(e, l) debug.sethook() error('from a hook') end, 'l')\nlocal x = 1",
        "local ok, m = xpcall(function() debug.sethook(function() debug.sethook() error('from a hook') end, 'l')\nlocal x = 1 end, debug.traceback) return (m:gsub('xpcall.*', ''))",
        "local n = 0 local co = coroutine.create(function() for i = 1, 3 do\ncoroutine.yield()\nend end) debug.sethook(co, function() n = n + 1 end, 'l') while coroutine.resume(co) do end return n, debug.gethook() == nil, (debug.gethook(co)) ~= nil",
        "debug.sethook(print, 'l', 5) local co = coroutine.create(print) local f, m, c = debug.gethook(co) debug.sethook() return f, m, c",
        "local lines = {} debug.sethook(function(_, l) debug.sethook() lines[#lines + 1] = l end, 'l')\nlocal x = 1\nlocal y = 2\nreturn #lines, lines[1]",
        "debug.sethook(function() local i = debug.getinfo(2, 'Sl') print(i.short_src, i.currentline, debug.getinfo(1, 'n').namewhat) debug.sethook() end, 'l')\nlocal x = 1",
    ],
    "os.exit": ["os.exit({})", "os.exit('x')", "return pcall(os.exit, {})", "os.exit(print)", "local e = os.exit e({})",
                "os.exit(1.5 == 1.5 and {})"],
    "warn": [
        "warn('not on')", "warn('@on') warn('a') warn('b', 'c', 1)", "warn('@on') warn('@off') warn('silent')",
        "warn('@on') warn('@unknown') warn('x', '@off') warn('still on')", "warn('x', '@on') warn('on by the last part')",
        "warn()", "warn({})", "warn('@on') return pcall(warn, 'a', nil)", "warn('@on', 'x') warn('silent')",
        "warn('@on') setmetatable({}, {__gc = function() error('in gc') end}) collectgarbage()",
        "warn('@on') warn('') warn('@')",
    ],
}  # fmt: skip

GROUPS: dict[str, list[tuple[str, ...]]] = {
    **{f"any argument: {function}": calls(function) for function in FUNCTIONS},
    **{group: [(snippet,) for snippet in snippets] for group, snippets in WRITTEN.items()},
}

LIBRARIES = [*((lua, False) for lua in LuaVersion), *((lua, True) for lua in LuaVersion if runtime.has_own(lua))]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("lua", "own"), LIBRARIES)
def test_as_in_a_stock_runtime(lua: LuaVersion, own: bool, group: str, new_vm: NewVM) -> None:
    cache = CodeCache(lua, own=own)
    stock = outcomes(lua)
    differences = []
    for program in GROUPS[group]:
        result = new_vm(cache).run(driver(program), "=driver", expression=False)
        assert result.failure is None, (program, result.failure)
        if comparable(result.output) != comparable(stock[program]):
            differences.append((program, stock[program], result.output))
    assert differences == []


NESTED = {
    "resume": "local ok, deepest = coroutine.resume(coroutine.create(nest), n + 1) return ok and deepest or n",
    "wrap": "local ok, deepest = pcall(coroutine.wrap(nest), n + 1) return ok and deepest or n",
}


@pytest.mark.parametrize("way", NESTED)
@pytest.mark.parametrize("lua", [lua for lua in LuaVersion if not lua.value.startswith("luajit")])
def test_coroutines_nest_as_deep_as_stock(lua: LuaVersion, way: str, new_vm: NewVM) -> None:
    """But for the few calls of C that are below the script in either program. LuaJIT has no limit but the C stack."""
    source = f"local function nest(n) {NESTED[way]} end return nest(1)"
    deepest = int(runtime.library(lua, own=False).new_runtime().execute(source.encode()))
    [found] = new_vm(CodeCache(lua)).run(source).values
    assert abs(int(found) - deepest) <= 8
