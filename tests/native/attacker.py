"""Scripts that take everything apart that `debug` lets them reach, while other VMs of the process check what they read.

Run by packaging/native_checks.py, or by itself on any build. Every attack has a process of its own and a seed: a
crash, or a wrong value in another VM, fails, and the seed repeats it. Documented ways to harm the process are left out:
package.loadlib, binary chunks, os.exit; and so is what crashes any Lua: metatables of one library's userdata on
another's, and what Lua's own libraries keep in upvalues, and by name in the registry.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

MEMORY = 64 << 20

WAYS = [
    *((lua, False, Sharing.BYTECODE) for lua in LuaVersion),
    *((lua, own, Sharing.GRAFT) for lua in (LuaVersion.LUA54, LuaVersion.LUA55) for own in (False, True)),
    *((lua, True, Sharing.DIRECT) for lua in (LuaVersion.LUA54, LuaVersion.LUA55)),
]

ATTACK = r"""
local seed, path, rounds = SEED, "PATH", ROUNDS
local function random(n) seed = (seed * 16807) % 2147483647 return seed % n + 1 end
local real = {pcall = pcall, type = type, next = next, load = loadfile, dofile = dofile, find = string.find,
              rawset = rawset, gc = collectgarbage,
              resume = coroutine.resume, create = coroutine.create, reg = debug.getregistry(), D = {}, select = select}
for name, f in next, debug do real.D[name] = f end
local skip = {[os.exit] = true, [package.loadlib] = true, [debug.debug] = true, [collectgarbage] = true}
for _, f in next, {load, loadstring, io.read, io.lines, string.rep, os.execute, os.remove, os.rename, os.tmpname,
                   io.popen, coroutine.wrap, debug.sethook, debug.setmetatable, setmetatable, string.dump} do
    skip[f] = true
end
local mine = {[print] = true, [loadfile] = true, [dofile] = true, [os.exit] = true, [package.preload.codecache] = true,
              [(package.searchers or package.loaders)[2]] = true, [package.preload["skynet.codecache"]] = true}
for _, library in next, {coroutine, (require "codecache")} do
    for _, f in next, library do mine[f] = true end
end
local function safe(f) return mine[f] or real.D.getinfo(f, "S").what ~= "C" end -- Lua's own trust their upvalues
local left = {[mine] = true, [real.reg._CLIBS or 0] = true, [real.reg._HOOKKEY or 0] = true,
              [real] = true, [real.D] = true, [skip] = true}
for _, v in next, real.reg do -- what loadlib has opened
    if real.type(v) == "table" and getmetatable(v) and getmetatable(v).__gc then left[v] = true end
end
left[package.loaded.jit or 0], left[package.preload.ffi or 0] = true, true
local function find()
    local seen, all = {}, {}
    local function visit(v, depth)
        local t = real.type(v)
        if t ~= "table" and t ~= "function" and t ~= "userdata" and t ~= "thread" then return end
        if left[v] or seen[v] or depth > 12 then return end
        seen[v] = true
        if not skip[v] then all[#all + 1] = v end
        local ok, mt = real.pcall(real.D.getmetatable, v)
        if ok then visit(mt, depth + 1) end
        if t == "table" then
            for k, w in real.next, v do visit(k, depth + 1) visit(w, depth + 1) end
        elseif t == "function" then
            for i = 1, 8 do
                local name, w = real.D.getupvalue(v, i)
                if not name then break end
                visit(w, depth + 1)
            end
        elseif t == "userdata" and real.D.getuservalue then
            for i = 1, 4 do local ok, w = real.pcall(real.D.getuservalue, v, i) if ok then visit(w, depth + 1) end end
        end
    end
    left[all], left[seen] = true, true
    visit(real.reg, 0)
    return all
end
local function odd()
    local n = random(9)
    if n == 1 then return nil elseif n == 2 then return random(1000) elseif n == 3 then return "text"
    elseif n == 4 then return function(...) return ... end elseif n == 5 then return {}
    elseif n == 6 then return real.create(function() end) elseif n == 7 then return "decoy.lua"
    elseif n == 8 then return true else return 0.5 end
end
local function ours(key) -- of the registry: what Lua's own libraries keep by name, they trust
    return real.type(key) ~= "string" or real.find(key, "moonscope", 1, true)
end
local function act(v)
    local t, n = real.type(v), random(6)
    if t == "function" then
        if n <= 3 then real.pcall(v, odd(), odd(), odd())
        elseif n == 4 and safe(v) then real.pcall(real.D.setupvalue, v, random(4), odd())
        elseif n == 5 and safe(v) and real.D.upvaluejoin then
            real.pcall(real.D.upvaluejoin, v, 1, function() return path end, 1)
        else real.resume(real.create(function() return v(odd()) end)) end
    elseif t == "table" and v ~= real.reg["FILE*"] then
        local keys = {}
        for k in real.next, v do if v ~= real.reg or ours(k) then keys[#keys + 1] = k end end
        local key = keys[random(#keys + 1)]
        if key ~= nil then real.pcall(real.rawset, v, key, odd()) end
    elseif t == "userdata" then
        if real.D.setuservalue then real.pcall(real.D.setuservalue, v, odd(), random(3)) end
        if n == 1 then real.pcall(real.D.setmetatable, v, n == 2 and {} or nil) end
    elseif t == "thread" then real.resume(v, odd()) end
end
local kept = {}
print "the attack begins"
for round = 1, rounds do
    local all = find()
    for i = 1, 20 do
        if #all > 0 then act(all[random(#all)]) end
        local ok, f = real.pcall(real.load, path)
        if ok and real.type(f) == "function" then kept[random(50)] = f real.pcall(f) end
    end
    if round % 7 == 0 then for i = 1, 2000 do real.pcall(real.load, path) end end
    if round % 5 == 0 then real.gc() end
end
"""

CHECKED = """
local M = {name = "a name", long = "a long text of more than forty characters in one constant"}
function M.get(i) local t = {first = "one", second = "two"} return M.name .. t.first .. t.second .. i, M.long end
return M
"""


def attack(way: int, seed: int) -> None:
    """Raises AssertionError when another VM reads something wrong; may crash."""
    lua, own, sharing = WAYS[way]
    cache = CodeCache(lua, sharing=sharing, own=own)
    path = Path.cwd() / "p.lua"
    path.write_text(CHECKED)
    witnesses = [LuaVM(cache, VMOptions(lua=lua)) for _ in range(2)]
    for vm in witnesses:
        vm.run(f"m = dofile('{path}') F = loadfile('{path}')")
    for number in range(3):
        vm = LuaVM(cache, VMOptions(lua=lua, memory_cap=MEMORY, time_budget=5.0))
        vm.load([str(path).encode()])
        script = ATTACK.replace("SEED", str(seed * 3 + number + 1)).replace("PATH", str(path)).replace("ROUNDS", "12")
        attacked = vm.run(script)
        assert attacked.output.startswith("the attack begins"), attacked.failure
        vm.run(f"return dofile('{path}').get(1)")
        vm.load([str(path).encode()])
        if number == 1:
            cache.clear()
        for witness in witnesses:
            for source in ("m.get(7)", "F().get(7)", f"dofile('{path}').get(7)"):
                values = witness.run(f"return {source}").values
                assert values == ('"a nameonetwo7"', '"a long text of more than forty characters in one constant"'), (
                    values
                )
        vm.close()
    for vm in witnesses:
        vm.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="no attack begins after that")
    parser.add_argument("--seed", type=int, default=1, help="of the first attack")
    parser.add_argument("--one", type=int, help="only this way, in this process")
    options = parser.parse_args()
    if options.one is not None:
        attack(options.one, options.seed)
        return
    until, done = time.monotonic() + options.seconds, 0
    for seed in itertools.count(options.seed):
        for way, (lua, own, sharing) in enumerate(WAYS):
            if own and not runtime.has_own(lua):
                continue
            if done and time.monotonic() > until:
                print(f"{done} attacks")
                return
            command = [sys.executable, "-X", "faulthandler", __file__, "--one", str(way), "--seed", str(seed)]
            with tempfile.TemporaryDirectory(prefix="attacker-") as folder:
                attacked = subprocess.run(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=300,
                    check=False,
                )
            name = f"{'own ' if own else ''}{lua} {sharing}, --one {way} --seed {seed}"
            if attacked.returncode != 0:
                raise SystemExit(f"{name}: ended with {attacked.returncode}\n{attacked.stderr[-3000:]}")
            done += 1


if __name__ == "__main__":
    main()
