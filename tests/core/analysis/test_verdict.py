"""The verdict on a file, its reasons, and the words for them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from moonscope.analysis.standard import STANDARD
from moonscope.analysis.values import FileVerdict, Kind, Verdict
from moonscope.analysis.verdict import judge
from moonscope.analysis.words import EXPLANATIONS, REMARKS, SUMMARIES, WEIGHTS, sentence
from moonscope.errors import MoonscopeError
from moonscope.model import LuaVersion

from ..bytecode.conftest import real_files
from .conftest import Compile


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("", "shares cleanly"),
        ("local M = {}\nfunction M.f(s) return string.format('%s', s) end\nreturn M", "shares cleanly"),
        ("local json = require 'json'\nreturn json", "shares cleanly"),
        ("local unpack = unpack or table.unpack", "shares cleanly"),
        ("return debug.traceback, load", "shares cleanly"),
        ("return config.level", "reads state of its VM"),
        ("return setmetatable({}, { __index = _G })", "reads state of its VM"),
        ("local name = ...\nlocal value = _G[name]", "reads state of its VM"),
        ("return setmetatable({}, { __newindex = _G })", "may write"),
        ("(...)(_G)", "may write"),
        ("(...)(string)", "may write"),
        ("(loadstring or load)(...)()", "may write"),
        ("dofile 'config.lua'", "may write"),
        ("debug.setupvalue(print, 1, 1)", "may write"),
        ("debug.sethook(print, 'l')", "may write"),
        ("local set = debug.setmetatable\nreturn function(v) set(v, {}) end", "may write"),
        ("io.output('log')", "may write"),
        ("io.input((...))", "may write"),
        ("os.setlocale('C')", "may write"),
        ("math.randomseed(1)", "may write"),
        ("collectgarbage('stop')", "may write"),
        ("for name in pairs(_G) do print(name) end", "reads state of its VM"),
        ("io.output():write('x') print(os.setlocale(), collectgarbage('count')) collectgarbage()", "shares cleanly"),
        ("local t = {}\nfor k, v in pairs(string) do t[k] = v end\nreturn t", "shares cleanly"),
        ("local G\nlocal function init() G = _G end\nlocal function f() G.x = 1 end", "writes globals"),
        (
            "local G, H\nlocal function a() H = G end\nlocal function b() G = _G end\nfunction b() H.x = 1 end",
            "writes globals",
        ),
        ("local G\nlocal function init() G = _G end\ninit() G.x = 1", "writes globals"),
        ("local s\nlocal function init() s = string end\nreturn function() s.trim = init end", "writes globals"),
        ("local t = _G\ndo local u = {} u.f = function() u.x = 1 end end", "shares cleanly"),
        ("getmetatable('').__index.trim = function(s) return s end", "writes globals"),
        ("local strings = getmetatable('x')\nstrings.__add = print", "writes globals"),
        ("debug.setmetatable(0, {__call = function(n) return n end})", "writes globals"),
        ("debug.setmetatable(_G, {})", "writes globals"),
        ("debug.getmetatable('').__index = {}", "writes globals"),
        ("debug.getregistry().x = 1", "writes globals"),
        ("getmetatable(io.stdout).__index.shout = print", "writes globals"),
        ("package.loaded._G.x = 1", "writes globals"),
        ("package.loaded.string.x = 1", "writes globals"),
        ("local loaded = package.loaded\nloaded.string.x = 1", "writes globals"),
        ("table.insert(package.searchers or package.loaders, 2, function() end)", "writes globals"),
        ("package.path = './?.lua'", "writes globals"),
        ("package.preload.m = function() end", "writes globals"),
        ("xpcall(rawset, print, _G, 'x', 1)", "writes globals"),
        ("assert(_G).x = 1", "writes globals"),
        ("function helper() end", "writes globals"),
        ("string.trim = 1", "writes globals"),
        ("package.loaded[...] = {}", "writes globals"),
        ("local x = config\ncount = x", "writes globals"),
    ],
)
def test_the_heaviest_access_makes_the_verdict(tree_of: Compile, lua: LuaVersion, source: str, verdict: Any) -> None:
    found = judge(tree_of(source, lua))
    assert found.verdict == verdict
    assert found.text == EXPLANATIONS[found.verdict]
    assert bool(found.reasons) == (verdict != "shares cleanly")


def test_a_module_of_51_writes_globals(tree_of: Compile) -> None:
    assert judge(tree_of("module('m')", LuaVersion.LUA51)).verdict is Verdict.WRITES_GLOBALS


@pytest.mark.slow
@pytest.mark.parametrize("lua", [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21])
def test_luajit_finds_in_real_files_what_51_finds(tree_of: Compile, lua: LuaVersion) -> None:
    compared = 0
    for path in real_files():
        source = path.read_bytes().decode("latin-1")
        try:
            expected, found = (judge(tree_of(source, each)) for each in (LuaVersion.LUA51, lua))
        except MoonscopeError:  # written for another Lua
            continue
        compared += 1
        only_here = STANDARD[lua] - STANDARD[LuaVersion.LUA51]  # LuaJIT has debug.upvaluejoin
        reasons = [each for each in found.reasons if each.name not in only_here]
        assert len(reasons) < len(found.reasons) or found.verdict == expected.verdict, path
        assert [(each.kind, each.name, each.line) for each in reasons] == [
            (each.kind, each.name, each.line) for each in expected.reasons
        ], path
    assert compared >= 10


def test_every_reason_says_where_and_what(tree_of: Compile, lua: LuaVersion) -> None:
    source = "local M = {}\nfunction M.start()\n  running = level\nend\nreturn M"
    read, write = judge(tree_of(source, lua)).reasons
    assert (read.kind, read.weight) == (Kind.READS_GLOBAL, Verdict.READS_STATE)
    assert (read.name, read.line, read.path, read.function) == ("level", 3, (0,), "function M.start")
    assert (write.kind, write.weight) == (Kind.WRITES_GLOBAL, Verdict.WRITES_GLOBALS)
    assert (write.name, write.line, write.path, write.function) == ("running", 3, (0,), "function M.start")
    assert "global running" in write.text
    assert lua.full_name in read.text


def test_functions_without_a_name_are_told_by_their_line(tree_of: Compile, lua: LuaVersion) -> None:
    found = judge(tree_of("x = 1\nprint(function()\n  y = 1\nend)", lua))
    assert [(each.function, each.line) for each in found.reasons] == [("main function", 1), ("function at line 2", 3)]


def test_one_line_that_does_the_same_twice_is_one_reason(tree_of: Compile, lua: LuaVersion) -> None:
    assert len(judge(tree_of("print(x, x, x)", lua)).reasons) == 1


def test_names_are_listed_once_and_sorted(tree_of: Compile, lua: LuaVersion) -> None:
    source = "b = 1\na = b\nb = c\nlocal m = require 'z', require 'y', require 'y'\nstring.x = math.floor(c)"
    found = judge(tree_of(source, lua))
    assert found.writes == ("a", "b", "string.x")
    assert found.reads == ("b", "c")
    assert found.modules == ("y", "z")
    assert found.standard == ("math.floor", "require")


def test_remarks_do_not_count(tree_of: Compile, lua: LuaVersion) -> None:
    found = judge(tree_of("local l = load\nlocal t = debug.traceback\nreturn bit32 or jit", lua))
    assert found.verdict is Verdict.SHARES_CLEANLY
    assert {each.weight for each in found.remarks} == {Verdict.SHARES_CLEANLY}
    assert {each.kind for each in found.remarks} >= {Kind.LOADS_CODE, Kind.USES_DEBUG, Kind.READS_OTHER_STANDARD}


def test_a_verdict_survives_the_protocol(tree_of: Compile, lua: LuaVersion) -> None:
    found = judge(tree_of("x = y\nrequire 'z'", lua))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=FileVerdict) == found


NAMELESS = {
    Kind.REQUIRES,
    Kind.READS_COMPUTED_GLOBAL,
    Kind.WRITES_COMPUTED_GLOBAL,
    Kind.HANDS_ON_GLOBALS,
    Kind.DEFINES_MODULE,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, "unpack") for kind in Kind] + [(kind, "") for kind in sorted(NAMELESS)]
)
def test_every_kind_has_a_sentence(kind: Kind, name: str) -> None:
    text = sentence(kind, name, LuaVersion.LUA54)
    assert text[0].isupper()
    assert text.endswith(".")
    assert not {"  ", " ,", " ."} & {text[at : at + 2] for at in range(len(text))}


def test_every_kind_that_is_shown_has_a_summary() -> None:
    assert set(SUMMARIES) == set(WEIGHTS) | REMARKS
    assert not set(WEIGHTS) & REMARKS
