"""Looking into a VM: what a script built is what is told, in every Lua, and looking runs nothing of the script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope.cache.code_cache import CodeCache
from moonscope.errors import NotFoundError, UsageError
from moonscope.model import (
    FunctionKind,
    LookEntry,
    LookLevel,
    LookStep,
    LuaVersion,
    Sharing,
    StepKind,
    Tier,
    Update,
)
from moonscope.model.names import to_bytes
from moonscope.vms.look import MAX_ENTRIES, MAX_STEPS
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]
Write = Callable[[str, str | bytes], str]
SpawnVMs = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]

GLOBALS = LookStep(StepKind.GLOBALS)
METATABLE = LookStep(StepKind.METATABLE)
OLD = (LuaVersion.LUA51, LuaVersion.LUAJIT20, LuaVersion.LUAJIT21)


@pytest.fixture
def vm(lua: LuaVersion, new_vm: NewVM) -> LuaVM:
    return new_vm(CodeCache(lua))


def path(*names: str) -> tuple[LookStep, ...]:
    """The path of a global, and of fields below it."""
    return (GLOBALS, *(LookStep(StepKind.STRING, name) for name in names))


def upvalue(number: int) -> LookStep:
    return LookStep(StepKind.UPVALUE, number=number)


def build(vm: LuaVM, source: str) -> None:
    assert vm.run(source).failure is None


def entry(vm: LuaVM, *names: str) -> LookEntry:
    """The global (or the field below one) of that name."""
    step = LookStep(StepKind.STRING, names[-1])
    return next(found for found in everything(vm, path(*names[:-1])) if found.step == step)


def everything(vm: LuaVM, path: tuple[LookStep, ...]) -> list[LookEntry]:
    """All pages of a level."""
    entries: list[LookEntry] = []
    while True:
        level = vm.look(path, len(entries))
        entries += level.entries
        if len(entries) >= level.listed:
            return entries


def shown(level: LookLevel) -> list[tuple[str, str]]:
    return [(found.key, found.value) for found in level.entries]


# Where to begin


def test_a_look_begins_with_globals_loaded_modules_and_the_registry(vm: LuaVM) -> None:
    level = vm.look()
    assert [(found.key, found.type, found.opens) for found in level.entries] == [
        ("globals", "table", True), ("package.loaded", "table", True), ("registry", "table", True),
    ]  # fmt: skip
    assert entry(vm, "_VERSION").value.startswith('"Lua 5.')
    assert {"string", "table", "_G"} <= {found.key for found in vm.look((LookStep(StepKind.LOADED),)).entries}
    assert "_LOADED" in {found.key for found in vm.look((LookStep(StepKind.REGISTRY),)).entries}


def test_globals_are_found_when_the_script_broke_them(vm: LuaVM) -> None:
    build(vm, "mine = 7 setmetatable(_G, {__index = error, __newindex = error, __pairs = error}) _G = nil")
    assert entry(vm, "mine").value == "7"
    build(vm, "for name in next, package.loaded do package.loaded[name] = nil end")
    assert vm.look((LookStep(StepKind.LOADED),)).total == 0


# What is told


def test_keys_come_in_order_whatever_the_order_of_the_table(vm: LuaVM) -> None:
    build(vm, "t = {[true] = 1, b = 2, [10] = 3, [2] = 4, [-1.5] = 5, a = 6, ['not a name'] = 7, [false] = 8}")
    assert [found.key for found in vm.look(path("t")).entries] == [
        "[-1.5]", "[2]", "[10]", "a", "b", '["not a name"]', "[false]", "[true]",
    ]  # fmt: skip


def test_values_are_shown_as_one_line(vm: LuaVM) -> None:
    build(vm, r"t = {'a\nb\0\"\\\255', '中文', 1e300, 1/0, true, 'x', ('y'):rep(199) .. '中文'}")
    assert [value for _, value in shown(vm.look(path("t")))] == [
        r'"a\nb\x00\"\\\xff"', '"中文"', "1e+300", "inf", "true", '"x"', f'"{"y" * 199}…" (205 bytes)',
    ]  # fmt: skip


def test_tables_tell_their_size_and_metatable(vm: LuaVM) -> None:
    build(vm, "t = {empty = {}, full = {1, 2, x = 3}, big = {}, meta = setmetatable({}, {__index = {}})}")
    build(vm, "for n = 1, 5000 do t.big[n] = n end")
    found = {entry.key: entry for entry in vm.look(path("t")).entries}
    assert [(found[key].count, found[key].count_cut, found[key].metatable, found[key].opens) for key in
            ("empty", "full", "big", "meta")] == [
        (0, False, False, False), (3, False, False, True), (1000, True, False, True), (0, False, True, True),
    ]  # fmt: skip
    assert [found.key for found in vm.look((*path("t", "meta"), METATABLE)).entries] == ["__index"]


def test_a_path_leads_through_every_kind_of_key(vm: LuaVM) -> None:
    build(vm, "local key = {} t = {[1] = {x = 1}, [0.5] = {x = 2}, [true] = {x = 3}, [key] = {x = 4}}")
    build(vm, "t[('k'):rep(1000)] = {x = 5} t['\\255\\\\x'] = {x = 6} t[print] = {x = 7}")
    steps = [found.step for found in vm.look(path("t")).entries]
    assert len(steps) == 7
    found = {vm.look((*path("t"), step)).entries[0].value for step in steps}
    assert found == {"1", "2", "3", "4", "5", "6", "7"}


def test_what_is_gone_is_told_by_name(vm: LuaVM) -> None:
    build(vm, "t = {inner = {1}}")
    vm.look(path("t", "inner"))
    build(vm, "t.inner = nil")
    with pytest.raises(NotFoundError, match=rf"VM {vm.id}: globals\.t\.inner is not there"):
        vm.look(path("t", "inner"))


# Functions


def test_functions_are_told_apart(vm: LuaVM, lua: LuaVersion) -> None:
    build(vm, "local a, b = 1, {} function f() return a, b end\nfunction g()\nend")
    closure = entry(vm, "f").function
    assert closure is not None
    assert (closure.kind, closure.upvalues, closure.line) == (FunctionKind.LUA, 2, 1)
    other = entry(vm, "g").function
    assert other is not None
    assert (other.source, other.line, other.last_line) == ("=console", 2, 3)
    stock, wrapped = entry(vm, "rawequal").function, entry(vm, "dofile").function
    assert stock is not None and wrapped is not None
    assert stock.kind is (FunctionKind.C if lua in OLD else FunctionKind.LIGHT)
    assert (wrapped.kind, wrapped.upvalues) == (stock.kind, 0)


def test_upvalues_are_told_by_name_and_value(vm: LuaVM) -> None:
    build(vm, "local count, list = 41, {'x'} function f() count = count + #list end f()")
    assert shown(vm.look(path("f")))[0] == ("(upvalue 1) count", "42")
    assert shown(vm.look((*path("f"), upvalue(2)))) == [("[1]", '"x"')]


def test_environments_that_are_not_the_globals_are_told(vm: LuaVM, lua: LuaVersion) -> None:
    if lua in OLD:
        build(vm, "f = setfenv(function() return x end, {x = 1}) function g() end")
        assert [found.key for found in vm.look(path("f")).entries] == ["(environment)"]
        assert shown(vm.look((*path("f"), LookStep(StepKind.ENVIRONMENT)))) == [("x", "1")]
        assert not entry(vm, "g").opens
    else:
        build(vm, "local _ENV = {x = 1, G = _G} function G.f() return x end")
        assert shown(vm.look((*path("f"), upvalue(1))))[1] == ("x", "1")


def test_userdata_and_coroutines_are_told(vm: LuaVM) -> None:
    build(vm, "co = coroutine.create(function() end)")
    assert entry(vm, "co").type == "thread"
    stdout = entry(vm, "io", "stdout")
    assert (stdout.type, stdout.metatable, stdout.opens) == ("userdata", True, True)
    methods = [found.key for found in everything(vm, (*path("io", "stdout"), METATABLE))]
    assert "__gc" in methods


@pytest.mark.parametrize("sharing", [Sharing.AUTO, Sharing.BYTECODE])
def test_a_closure_leads_to_its_generation_and_tells_whether_it_is_shared(
    lua: LuaVersion, sharing: Sharing, new_vm: NewVM, write: Write
) -> None:
    cache = CodeCache(lua, sharing=sharing)
    name = write("m.lua", "local M = {}\nfunction M.f() end\nreturn M")
    vms = [new_vm(cache), new_vm(cache)]
    for vm in vms:
        build(vm, f"m = dofile([[{name}]]) function own() end")
    (generation,) = cache.generations()
    for vm in vms:
        function = entry(vm, "m", "f").function
        assert function is not None
        assert (function.source, function.line, function.generation) == (f"@{name}", 2, generation.id)
        assert function.shared == (cache.tier in (Tier.GRAFT, Tier.DIRECT))
        other = entry(vm, "own").function
        assert other is not None
        assert (other.generation, other.shared) == (None, False)


@pytest.mark.parametrize("version", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_shared_closures_of_old_and_new_code_are_told_apart(version: LuaVersion, new_vm: NewVM, write: Write) -> None:
    cache = CodeCache(version)
    vm = new_vm(cache)
    name = write("m.lua", "return function() return 'old' end")
    build(vm, f"old = dofile([[{name}]])")
    cache.clear()
    write("m.lua", "return function() return 'new' end")
    build(vm, f"new = dofile([[{name}]])")
    functions = [entry(vm, "old").function, entry(vm, "new").function]
    retired, current = sorted(row.id for row in cache.generations())
    assert [function.generation for function in functions if function] == [retired, current]
    assert all(function.shared for function in functions if function)


# Looking runs nothing


def test_no_metamethod_runs(vm: LuaVM) -> None:
    build(
        vm,
        """
        ran = {}
        local meta = {}
        for name in ("index newindex pairs ipairs len eq tostring name call lt le concat metatable"):gmatch("%a+") do
            meta["__" .. name] = function() rawset(ran, name, true) error("must not run") end
        end
        trap = setmetatable({inner = setmetatable({1}, meta)}, meta)
        for _, value in ipairs({"", 1, print, true, _G}) do debug.setmetatable(value, meta) end
        debug.setmetatable(nil, meta)
    """,
    )
    for steps in ((), (GLOBALS,), path("trap"), path("trap", "inner"), (*path("trap"), METATABLE), path("print")):
        everything(vm, steps)
    assert vm.look(path("ran")).total == 0


def test_no_finalizer_runs(vm: LuaVM) -> None:
    build(
        vm,
        """
        ran = {count = 0}
        collectgarbage("stop")
        local function finalized()
            local object = newproxy and newproxy(true) or setmetatable({}, {})
            local meta = getmetatable(object)
            meta.__gc = function() ran.count = ran.count + 1 end
            return newproxy and object or setmetatable(object, meta)
        end
        for _ = 1, 1000 do finalized() end
        collectgarbage("restart")
    """,
    )
    before = entry(vm, "ran", "count").value
    for _ in range(200):
        vm.look((GLOBALS,))
        vm.look(path("string"))
    assert entry(vm, "ran", "count").value == before != "1000"
    build(vm, "collectgarbage()")
    assert entry(vm, "ran", "count").value == "1000"


def test_a_look_leaves_nothing_in_the_vm(lua: LuaVersion, new_vm: NewVM) -> None:
    fresh = new_vm(CodeCache(lua))
    before = fresh.memory
    fresh.look((LookStep(StepKind.GLOBALS),))
    fresh.count_closures(1, 1, 1)
    assert fresh.memory == before


@pytest.mark.parametrize("version", [LuaVersion.LUA52, LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55])
def test_the_stack_that_a_deep_search_takes_is_given_back(version: LuaVersion, new_vm: NewVM) -> None:
    """Lua 5.1 and LuaJIT keep it: a search there makes no call, with which the room would end (see enter_look)."""
    vm = new_vm(CodeCache(version))
    vm.run("list = {} for _ = 1, 1900 do list = {list} end")
    for _ in range(3):
        vm.collect()
    before = vm.memory
    vm.count_closures(1, 1, 1)
    for _ in range(3):  # a collection may shrink a stack by half
        vm.collect()
    assert vm.memory <= before + 2048


def test_the_vm_goes_on_as_before(vm: LuaVM) -> None:
    build(vm, "t = {} for n = 1, 1000 do t[n] = {n} end co = coroutine.wrap(function() coroutine.yield(1) end) co()")
    everything(vm, path("t"))
    assert vm.run("collectgarbage() return #t, t[1000][1], co()").values == ("1000", "1000")


# Large things


def test_a_large_table_comes_in_pages(vm: LuaVM) -> None:
    build(vm, "t = {} for n = 1, 2000 do t['key' .. n] = n end")
    first = vm.look(path("t"), 0, 300)
    assert (len(first.entries), first.listed, first.total) == (300, 2000, 2000)
    entries = everything(vm, path("t"))
    assert [found.key for found in entries] == sorted(f"key{n}" for n in range(1, 2001))
    assert vm.look(path("t"), 2000).entries == ()


def test_of_a_huge_table_the_first_entries_are_listed_and_the_rest_is_counted(vm: LuaVM) -> None:
    build(vm, "t = {} for n = 1, 30000 do t[n] = n end")
    level = vm.look(path("t"), 9_900)
    assert (level.listed, level.total, level.total_cut) == (10_000, 30_000, False)
    assert level.entries[-1].key == "[10000]"


@pytest.mark.parametrize(
    ("path", "offset", "limit", "message"),
    [
        ((METATABLE,), 0, 1, "begins with one of globals, package.loaded, registry"),
        ((GLOBALS, GLOBALS), 0, 1, "begins with one of"),
        ((GLOBALS,) * (MAX_STEPS + 1), 0, 1, f"{MAX_STEPS} steps deep"),
        ((GLOBALS,), -1, 1, "not 1 from -1 on"),
        ((GLOBALS,), 0, MAX_ENTRIES + 1, f"1 – {MAX_ENTRIES} at once"),
        ((GLOBALS, LookStep(StepKind.INTEGER, number=1 << 64)), 0, 1, "cannot have the number"),
        ((GLOBALS, LookStep(StepKind.UPVALUE, number=0.5)), 0, 1, "cannot have the number"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    path: tuple[LookStep, ...], offset: int, limit: int, message: str, new_vm: NewVM
) -> None:
    with pytest.raises(UsageError, match=message):
        new_vm().look(path, offset, limit)


@pytest.mark.parametrize("number", [0, -1, 256, 1 << 40, -(1 << 63)])
@pytest.mark.parametrize("kind", [StepKind.UPVALUE, StepKind.USER_VALUE, StepKind.INTEGER])
def test_numbers_out_of_range_lead_nowhere(vm: LuaVM, kind: StepKind, number: int) -> None:
    build(vm, "local a function f() return a end")
    for start in (path("f"), path("io", "stdout"), path("io")):
        with pytest.raises(NotFoundError):
            vm.look((*start, LookStep(kind, number=number)))


# Any table a script can build

_plain = st.floats(allow_nan=False).map(lambda number: number + 0.0)  # old Luas mix 0 and -0 up in one chunk
_numbers = st.one_of(st.integers(-(2**31), 2**31), _plain, st.sampled_from([0.5, 1e15, 1e16, 123456.75, 2.0**53]))
_texts = st.one_of(st.binary(max_size=12), st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace")))
_keys = st.one_of(st.booleans(), st.integers(-100, 100), st.integers(-99, 99).map(lambda n: n / 8), _texts)
_values = st.recursive(
    st.one_of(st.booleans(), _numbers, _texts), lambda inner: st.dictionaries(_keys, inner, max_size=5), max_leaves=12
)


def literal(value: object) -> str:
    """As Lua source of any version."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"[{literal(key)}]={literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, bytes):
        return '"' + "".join(f"\\{byte:03d}" for byte in value) + '"'
    assert isinstance(value, int | float)
    return {float("inf"): "(1/0)", float("-inf"): "(-1/0)"}.get(value, f"({value!r})")


def unquoted(shown: str) -> bytes:
    """The bytes of a string as it is shown."""
    plain = {"n": "\n", "r": "\r", "t": "\t"}

    def byte(found: re.Match[str]) -> str:
        if found[1]:
            return bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape")
        return chr(int(found[2], 16)) if found[2] else plain.get(found[3], found[3])

    text = re.sub(r"\\(?:x(..)|u\{(\w+)\}|(.))", byte, shown[1:-1])
    return text.encode("utf-8", "surrogateescape")


def check_table(vm: LuaVM, steps: tuple[LookStep, ...], built: dict[Any, object]) -> None:
    found = {}
    for entry in vm.look(steps).entries:
        kind, number = entry.step.kind, entry.step.number
        key = to_bytes(entry.step.name) if kind is StepKind.STRING else number
        found[(kind is StepKind.BOOLEAN, key)] = entry
    assert found.keys() == {(isinstance(key, bool), key) for key in built}
    for key, value in built.items():
        entry = found[(isinstance(key, bool), key)]
        if isinstance(value, dict):
            assert (entry.type, entry.count, entry.opens) == ("table", len(value), bool(value))
            check_table(vm, (*steps, entry.step), value)
        elif isinstance(value, bytes):
            assert (entry.type, unquoted(entry.value)) == ("string", value)
        else:
            assert (entry.value,) == vm.run(f"return {literal(value)}").values


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(built=st.dictionaries(_keys, _values, max_size=6))
def test_what_is_told_is_what_the_script_built(vm: LuaVM, built: dict[Any, object]) -> None:
    build(vm, f"t = {literal(built)}")
    check_table(vm, path("t"), built)


_steps = st.builds(
    LookStep,
    st.sampled_from(tuple(StepKind)),
    st.sampled_from(["_G", "_LOADED", "io", "stdout", "f", "x", "__index"]),
    st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False)),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_steps, max_size=6), start=st.sampled_from(tuple(StepKind)[:3]))
def test_any_path_gives_a_level_or_an_error_in_words(vm: LuaVM, steps: list[LookStep], start: StepKind) -> None:
    build(vm, "local x = {} function f() return x end")
    try:
        level = vm.look((LookStep(start), *steps), 0, 20)
    except (NotFoundError, UsageError) as error:
        assert str(error)
    else:
        assert len(level.entries) == min(level.listed, 20)
