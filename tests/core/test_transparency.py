"""loadfile, dofile and require through the cache do what the stock functions do: results, errors, arguments.

Every probe runs in a stock runtime and twice in a VM with a cache (a miss, then a hit), and must say the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, RunResult
from moonscope.model.names import printable
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]

SHOW = """
local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = (select(i, ...))
    parts[i] = type(value) == "function" and "function" or tostring(value)
  end
  return table.concat(parts, "|")
end
local here = HERE
"""

FILES: dict[str, str | bytes] = {
    "values.lua": "local a, b = ...\nreturn 1, 'two', nil, a, b",
    "globals.lua": "x = (x or 0) + 1\nreturn x",
    "broken.lua": "local = 1",
    "fails.lua": "local function deep() error('no luck') end\ndeep()",
    "table.lua": "error({})",
    "empty.lua": "",
    "comment.lua": "#!/usr/bin/lua -w\nreturn debug.getinfo(1, 'l').currentline",
    "hash.lua": "#",
    "lines.lua": "#\n\nreturn debug.getinfo(1, 'l').currentline",
    "bom.lua": b"\xef\xbb\xbfreturn 'bom'",
    "bom and comment.lua": b"\xef\xbb\xbf# comment\nreturn debug.getinfo(1, 'l').currentline",
    "half a bom.lua": b"\xef\xbbreturn 'bom'",
    "block.lua": "return 'block'".ljust(16384),  # files are read in blocks of this size
    "blocks.lua": "return #'" + "x" * 40_000 + "'",
    "info.lua": "local i = debug.getinfo(1, 'S') return i.source, i.short_src, i.what, i.linedefined",
    "nested.lua": "local n = 0\nreturn function() n = n + 1 return n end",
    "long.lua": "return " + " .. ".join(f"'{'x' * 50}{n}'" for n in range(40)),
    "binary.lua": b"\x1bLua rubbish",
    "zeros.lua": b"\0" * 100,
    "module.lua": "local m = {name = ...}\nfunction m.twice(x) return 2 * x end\nreturn m",
    "silent.lua": "loaded_silently = (loaded_silently or 0) + 1",
    "with space 'and' \"quotes\".lua": "return 'odd'",
    "中文.lua": "return '中文'",
}

PROBES = {
    "loadfile gives a function": "return show(loadfile(here .. 'values.lua'))",
    "and it takes arguments": "return show(loadfile(here .. 'values.lua')(7, 8))",
    "each time a new one": "local f = here .. 'nested.lua' return show(loadfile(f) == loadfile(f))",
    "with upvalues of its own": """
        local f = loadfile(here .. 'nested.lua')
        local a, b = f(), f()
        a()
        return show(a(), b())""",
    "dofile runs": "return show(dofile(here .. 'values.lua'))",
    "globals are the VM's": "x = nil return show(dofile(here .. 'globals.lua'), dofile(here .. 'globals.lua'), x)",
    "syntax error": "return show(loadfile(here .. 'broken.lua'))",
    "syntax error in dofile": "return show(pcall(dofile, here .. 'broken.lua'))",
    "run-time error": "return show(pcall(dofile, here .. 'fails.lua'))",
    "error that is a table": "local ok, e = pcall(dofile, here .. 'table.lua') return show(ok, type(e))",
    "missing file": "return show(loadfile(here .. 'absent.lua'))",
    "missing file in dofile": "return show(pcall(dofile, here .. 'absent.lua'))",
    "folder": "return show(loadfile(here))",
    "empty file": "return show(dofile(here .. 'empty.lua'))",
    "first line with #": "return show(dofile(here .. 'comment.lua'))",
    "nothing but #": "return show(loadfile(here .. 'hash.lua'))",
    "line numbers after #": "return show(dofile(here .. 'lines.lua'))",
    "byte-order mark": "return show(pcall(dofile, here .. 'bom.lua'))",
    "byte-order mark and #": "return show(pcall(dofile, here .. 'bom and comment.lua'))",
    "half a byte-order mark": "return show(loadfile(here .. 'half a bom.lua'))",
    "one block": "return show(dofile(here .. 'block.lua'))",
    "more than a block": "return show(dofile(here .. 'blocks.lua'))",
    "debug information": "return show(dofile(here .. 'info.lua'))",
    "long strings": "return show(#dofile(here .. 'long.lua'))",
    "zeros": "return show(loadfile(here .. 'zeros.lua'))",
    "odd name": "return show(dofile(here .. 'with space \\'and\\' \"quotes\".lua'))",
    "Chinese name": "return show(dofile(here .. '中文.lua'))",
    "wrong argument": "return show(pcall(loadfile, {}))",
    "wrong argument to dofile": "return show(pcall(dofile, {}))",
    "number as a name": "return show(loadfile(12))",
    "text only": "return show(loadfile(here .. 'values.lua', 't'))",
    "binary only": "return show(loadfile(here .. 'values.lua', 'b'))",
    "both": "return show(loadfile(here .. 'values.lua', 'bt'))",
    "environment": "local e = {} local f = loadfile(here .. 'globals.lua', 't', e) return show(f and f(), e.x)",
    "environment nil": "local f = loadfile(here .. 'globals.lua', 't', nil) return show(f and (pcall(f)))",
    "environments do not mix": """
        local f, g = loadfile(here .. 'globals.lua', 't', {x = 10}), loadfile(here .. 'globals.lua', 't', {x = 20})
        return show(f and f(), g and g(), f and f())""",
    "setfenv": """
        if not setfenv then return 'none' end
        local f, g = loadfile(here .. 'globals.lua'), loadfile(here .. 'globals.lua')
        setfenv(f, {x = 5}) x = nil return show(f(), g(), f())""",
    "require": "package.path = here .. '?.lua' local m = require('module') return show(m.name, m.twice(4))",
    "require once": "package.path = here .. '?.lua' return show(require('module') == require('module'))",
    "require without a value": "package.path = here .. '?.lua' return show((require('silent')), loaded_silently)",
    "require, second result": "package.path = here .. '?.lua' return show(select(2, require('silent')))",
    "require of a broken module": "package.path = here .. '?.lua' return show(pcall(require, 'broken'))",
    "require of a missing module": """
        package.path, package.cpath = here .. '?.lua', ''
        return show(pcall(require, 'no.such'))""",
    "package.loaded": "package.path = here .. '?.lua' require('module') return show(package.loaded.module.name)",
    "package.preload": "package.preload.made = function(...) return {name = ...} end return show(require('made').name)",
    "package.path not a string": "package.path = nil return show(pcall(require, 'module'))",
    "string.dump": "return show(#string.dump(loadfile(here .. 'values.lua')) > 0)",
    "load is untouched": "return show((loadstring or load)('return ...', '=x')(3))",
    "traceback": """
        local _, trace = xpcall(function() return (dofile(here .. 'fails.lua')) end, debug.traceback)
        return show(trace:match('fails.lua:1: no luck'), trace:match('fails.lua:2: in main chunk'))""",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return tmp_path


def text_of(result: RunResult) -> str:
    assert result.failure is None, result.failure
    return result.output.removesuffix("\n")


def comparable(text: str) -> str:
    """Lua 5.2 calls it `_G.loadfile` or `loadfile`, as the order of a hash table has it."""
    return text.replace("'_G.", "'")


LIBRARIES = [*((lua, False) for lua in LuaVersion), *((lua, True) for lua in LuaVersion if runtime.has_own(lua))]


@pytest.mark.parametrize(("lua", "own"), LIBRARIES)
@pytest.mark.parametrize("probe", PROBES)
def test_as_the_stock_functions(lua: LuaVersion, own: bool, probe: str, folder: Path, new_vm: NewVM) -> None:
    source = f"{SHOW.replace('HERE', repr(str(folder) + os.sep))} local function probe() {PROBES[probe]} end "
    expected = printable(runtime.library(lua, own=False).new_runtime().execute(f"{source} return probe()".encode()))
    cache = CodeCache(lua, own=own)
    for turn in ("miss", "hit"):
        found = text_of(new_vm(cache).run(f"{source} print(probe())"))
        assert comparable(found) == comparable(expected), turn


def test_a_binary_file_is_refused_unless_allowed(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    stock = runtime.library(lua, own=False).new_runtime()
    path = write("dumped.lua", stock.execute(b"return string.dump(function() return 'was binary' end)"))
    refused = text_of(new_vm(CodeCache(lua)).run(f"print(loadfile({path!r}))"))
    assert refused.startswith("nil\t")
    assert "binary" in refused or "wrong mode" in refused
    allowed = new_vm(CodeCache(lua, allow_binary=True))
    assert text_of(allowed.run(f"print(dofile({path!r}))")) == "was binary"


def test_a_hit_does_not_look_at_the_disk(lua: LuaVersion, write: Write, new_vm: NewVM) -> None:
    cache = CodeCache(lua)
    path = write("gone.lua", "return 'as compiled'")
    assert text_of(new_vm(cache).run(f"print(dofile({path!r}))")) == "as compiled"
    Path(path).unlink()
    assert text_of(new_vm(cache).run(f"print(dofile({path!r}))")) == "as compiled"


def test_a_hit_minds_the_mode_argument(write: Write, new_vm: NewVM) -> None:
    path = write("text.lua", "return 1")
    vm = new_vm()
    vm.run(f"loadfile({path!r})")
    assert "attempt to load a text chunk" in text_of(vm.run(f"print(loadfile({path!r}, 'b'))"))


def test_two_names_of_one_file_are_two_keys(write: Write, new_vm: NewVM) -> None:
    path = write("m.lua", "return debug.getinfo(1, 'S').source")
    other = path.replace("m.lua", "./m.lua")
    cache = CodeCache()
    vm = new_vm(cache)
    assert text_of(vm.run(f"print(dofile({path!r}))")) == f"@{path}"
    assert text_of(vm.run(f"print(dofile({other!r}))")) == f"@{other}"
    assert {row.key for row in cache.files()} == {path, other}
