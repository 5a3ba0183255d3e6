"""What Lua tells about a function is the same for a shared one as for one that was loaded plainly.

Each script gets the path of a file as `path`, loads it, and gives an account of what it sees as text.
"""

from __future__ import annotations

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.model import Sharing

from .conftest import VM, NewVM, Sharers, Way, Write

FILE = """local first, second = ...
local function add(a, b, ...)
    local sum = a + b

    for i, more in ipairs({...}) do
        local before = sum
        sum = sum + more
    end
    return sum
end

local object = {name = "box"}
function object:describe(prefix)
    return prefix .. self.name .. tostring(second)
end

global_function = function(n)
    if n == 0 then error("deep") end
    return (global_function(n - 1))
end

local co = coroutine.wrap(function(x)
    while true do x = coroutine.yield(x * 2) end
end)

return add, object, co, function() return first, second end, function() local t = nil; return t.field end,
    function() return undefined_name.field end, function() return second + {} end, function() return first < {} end
"""

SCRIPTS = {
    "a string.dump": """
local function hex(f, strip)
    return (string.dump(f, strip):gsub('.', function(c) return string.format('%02x', c:byte()) end))
end
local f = loadfile(path)
tell(hex(f), hex(f, true), hex((f())), hex((select(4, f()))))
""",
    "what a dump does when it is loaded again": """
local again = (loadstring or load)(string.dump(loadfile(path)), 'again')
local add, object = again(1, 2)
tell(add(1, 2, 3), object:describe('a '))
""",
    "debug.getinfo": """
local function account(f)
    local info = debug.getinfo(f)
    local names = {}
    for name in pairs(info) do if name ~= 'func' then names[#names + 1] = name end end
    table.sort(names)
    for _, name in ipairs(names) do tell(name, info[name]) end
end
local f = loadfile(path)
account(f)
for i = 1, 8 do
    local g = select(i, f(1, 2))
    if type(g) == 'function' then account(g) end
end
account(global_function)
""",
    "the active lines": """
local function lines(f)
    local all = {}
    for line in pairs(debug.getinfo(f, 'L').activelines) do all[#all + 1] = line end
    table.sort(all)
    tell(table.concat(all, ' '))
end
local f = loadfile(path)
lines(f) lines((f())) lines(global_function) lines(select(2, f()).describe)
""",
    "hooks: calls, returns and lines": """
local f = loadfile(path)
local add, object = f(1, 2)
local function hook(event, line)
    local info = debug.getinfo(2, 'nSl')
    tell(event, line, info.name, info.namewhat, info.what, info.short_src, info.currentline)
end
debug.sethook(hook, 'crl')
add(1, 2, 3) object:describe('x') pcall(global_function, 2)
debug.sethook()
""",
    "hooks: counts": """
local f, count = loadfile(path), 0
local add = f()
debug.sethook(function() count = count + 1 end, '', 1)
add(1, 2, 3, 4)
debug.sethook()
tell(count)
""",
    "hooks: a count goes on through loads": """
debug.sethook(function() end, '', 1000)
local f = loadfile(path)
debug.sethook()
local count = 0
debug.sethook(function() count = count + 1 end, '', 50) -- more than lies between two loads
for i = 1, 100 do f = loadfile(path) end
debug.sethook()
tell(count)
""",
    "hooks: nothing is seen of a load but the call of loadfile": """
local function hook(event, line) tell(event, line, debug.getinfo(2, 'S').short_src, debug.getinfo(2, 'n').name) end
for _, mask in ipairs{'c', 'r', 'l', 'crl'} do
    debug.sethook(hook, mask)
    local f, g = loadfile(path), loadfile(path)
    debug.sethook()
end
local count = 0
debug.sethook(function() count = count + 1 end, '', 1)
local f, g = loadfile(path), loadfile(path)
debug.sethook()
tell(count)
""",
    "hooks: one that raises does not spoil a load": """
debug.sethook(function() if debug.getinfo(2, 'S').what ~= 'C' then error('raised by the hook') end end, 'c')
local f, message = loadfile(path)
debug.sethook()
tell(type(f), message)
""",
    "names and values of locals at each line": """
local add = loadfile(path)()
debug.sethook(function(event, line)
    local i = 1
    while true do
        local name, value = debug.getlocal(2, i)
        if not name then break end
        if not name:find('temporary', 1, true) then -- what lies there is left from before
            tell(line, i, name, type(value) == 'number' and value or type(value))
        end
        i = i + 1
    end
end, 'l')
add(1, 2, 3)
debug.sethook()
""",
    "names of parameters": """
local add, object = loadfile(path)()
if not pcall(debug.getlocal, add, 1) then return tell('not in this Lua') end
for i = 1, 4 do tell(debug.getlocal(add, i)) tell(debug.getlocal(object.describe, i)) end
""",
    "names of upvalues": """
local f = loadfile(path)
local _, object, _, both = f(1, 2)
for _, g in ipairs{f, object.describe, both, global_function} do
    for i = 1, 3 do
        local name, value = debug.getupvalue(g, i)
        tell(name, type(value))
    end
end
""",
    "locals that a hook sets": """
local add = loadfile(path)()
debug.sethook(function(event, line) if line == 9 then debug.setlocal(2, 3, 99) end end, 'l')
local result = add(1, 2)
debug.sethook()
tell(result, add(1, 2))
""",
    "error texts": """
local all = {loadfile(path)(1, 2)}
for i = 5, 8 do tell(pcall(all[i])) end
tell(pcall(all[1], nil, 1)) tell(pcall(all[1], {}, 1)) tell(pcall(all[2].describe, 1))
tell(pcall(global_function, 3))
""",
    "tracebacks": """
local all = {loadfile(path)(1, 2)}
for i = 5, 8 do tell(select(2, xpcall(all[i], debug.traceback))) end
tell(select(2, xpcall(function() return (global_function(4)) end, debug.traceback)))
local co = coroutine.create(function(n) coroutine.yield(1) return (global_function(n)) end)
tell(coroutine.resume(co, 2)) tell(debug.traceback(co)) tell(coroutine.resume(co)) tell(debug.traceback(co))
""",
    "a coroutine": """
local f = loadfile(path)
local co = select(3, f())
tell(co(1), co(2), co(3))
local thread = coroutine.create(loadfile(path))
tell(select('#', coroutine.resume(thread)), coroutine.status(thread))
""",
}

TELL = """
told = {}
function tell(...)
    for i = 1, select('#', ...) do told[#told + 1] = tostring((select(i, ...))) end
end
"""


def account(vm: VM, path: str, script: str) -> str:
    vm.run(f"path = '{path}'" + TELL)
    vm.run(f"{script}\nreturn nil")
    (text,) = vm.run("return table.concat(told, '\\n')")
    assert text, "nothing was told"
    return text


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_lua_tells_is_the_same(way: Way, sharers: Sharers, stock: VM, write: Write, script: str) -> None:
    path = write(FILE)
    expected = account(stock, path, SCRIPTS[script])
    for vm in (*sharers, sharers[0]):
        assert account(vm, path, SCRIPTS[script]) == expected


STRIPPED = """
local f = loadfile(path)
tell(pcall(f, {})) tell(pcall(f, 1)) tell(select(2, xpcall(f, debug.traceback, {})))
local info = debug.getinfo(f, 'SlL')
tell(info.source, info.currentline, info.what, type(info.activelines))
local lines = 0
debug.sethook(function() lines = lines + 1 end, 'l')
pcall(f, {})
debug.sethook()
tell((debug.getupvalue(f, 1)))
tell(string.dump(f) == string.dump(f), #string.dump(f, true))
"""


def test_what_lua_tells_of_stripped_code_is_the_same(
    way: Way, new_vm: NewVM, stock: VM, write: Write
) -> None:
    """Files may hold precompiled chunks, where the embedder allows them; those without lines and names too."""
    source = "local a = ...\nlocal function f(x)\n  return x.y.z\nend\nreturn f(a)"
    dump = f"local f = (loadstring or load)({source!r}, '@file.lua') return (string.dump(f, true):gsub('.', hex))"
    stock.run("function hex(c) return string.format('%02x', c:byte()) end")
    (code,) = stock.run(dump)
    path = write(bytes.fromhex(code.strip('"')).decode("latin-1"))
    plain, shared = (
        CodeCache(way.lua, sharing=sharing, own=way.own, allow_binary=True) for sharing in (Sharing.OFF, way.sharing)
    )
    expected = account(new_vm(plain), path, STRIPPED)
    for vm in (new_vm(shared), new_vm(shared)):
        assert account(vm, path, STRIPPED) == expected
