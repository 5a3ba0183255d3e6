"""Functions that share a prototype share nothing else: environments, upvalues and tables are each one's own."""

from __future__ import annotations

import pytest

from .conftest import Sharers, Way, Write

# A main function's environment, in the words of every Lua.
ENVIRONMENT = """
function set(f, t) if setfenv then setfenv(f, t) else debug.setupvalue(f, 1, t) end end
function get(f) if getfenv then return getfenv(f) else return (select(2, debug.getupvalue(f, 1))) end end
"""


@pytest.fixture
def counter(write: Write) -> str:
    """A file whose function gives functions that count."""
    return write("local n = 0  return function() n = n + 1  return n end")


def test_an_environment_belongs_to_one_load(sharers: Sharers, write: Write) -> None:
    path = write("value = (value or 0) + 1  return value")
    for vm in sharers:
        vm.run(ENVIRONMENT)
        loaded = f"local one, two = loadfile('{path}'), loadfile('{path}')"
        assert vm.run(f"{loaded} set(one, {{value = 10}}) return one(), two(), value") == ("11", "1", "1")
        assert vm.run(f"{loaded} set(one, {{}}) return get(two) == _G, get(one) == _G") == ("true", "false")
        vm.run("value = nil")


def test_an_environment_set_in_one_vm_is_not_seen_in_another(sharers: Sharers, write: Write) -> None:
    path = write("return value")
    first, second = sharers
    first.run(ENVIRONMENT + f"f = loadfile('{path}') set(f, {{value = 'changed'}})")
    second.run(f"f = loadfile('{path}') value = 'own'")
    assert first.run("return f()") == ('"changed"',)
    assert second.run("return f()") == ('"own"',)


def test_functions_of_one_load_share_its_environment(sharers: Sharers, write: Write) -> None:
    path = write("function set_it(v) shared = v end  function get_it() return shared end")
    for vm in sharers:
        vm.run(f"dofile('{path}') set_it(5)")
        assert vm.run("return get_it(), shared") == ("5", "5")


def test_the_environment_argument_of_loadfile(way: Way, sharers: Sharers, write: Write) -> None:
    if way.lua == "5.1":
        return  # has no such argument
    path = write("return x")
    for vm in sharers:
        source = f"x = 'global' return loadfile('{path}', 't', {{x = 'given'}})(), loadfile('{path}')()"
        assert vm.run(source) == ('"given"', '"global"')
        assert vm.run(f"return loadfile('{path}', 't', nil)") != ("nil",)  # nil is an environment: reading x would fail


def test_a_load_gets_the_globals_that_the_registry_has_now(way: Way, sharers: Sharers, write: Write) -> None:
    if way.lua == "5.1" or way.lua.startswith("luajit"):
        return  # their globals are not in the registry
    path = write("return x")
    other = "local registry, g = debug.getregistry(), _G x = 'old' registry[2] = {x = 'new'}"
    for vm in sharers:
        again = f"for i = 1, 100 do if loadfile('{path}')() ~= 'new' then error(i) end end"  # the collector runs too
        assert vm.run(f"x = 'old' return loadfile('{path}')()") == ('"old"',)
        assert vm.run(f"{other} {again} registry[2] = g return loadfile('{path}')()") == ('"old"',)


def test_upvalues_belong_to_one_load(sharers: Sharers, counter: str) -> None:
    for vm in sharers:
        vm.run(f"a, b = loadfile('{counter}')(), loadfile('{counter}')()")
        assert vm.run("return a(), a(), b(), a()") == ("1", "2", "1", "3")


def test_an_upvalue_can_be_set_in_one_without_touching_another(sharers: Sharers, counter: str) -> None:
    first, second = sharers
    for vm in sharers:
        vm.run(f"a, b = loadfile('{counter}')(), loadfile('{counter}')()")
    first.run("debug.setupvalue(a, 1, 100)")
    assert first.run("return a(), b()") == ("101", "1")
    assert second.run("return a(), b()") == ("1", "1")


def test_upvalues_can_be_joined(way: Way, sharers: Sharers, counter: str) -> None:
    if way.lua == "5.1":
        return  # has no debug.upvaluejoin
    for vm in sharers:
        vm.run(f"f = loadfile('{counter}') a, b, c = f(), f(), f() debug.upvaluejoin(a, 1, b, 1)")
        assert vm.run("return a(), b(), c()") == ("1", "2", "1")


def test_the_environment_of_a_main_function_is_an_upvalue_of_its_own(
    way: Way, sharers: Sharers, counter: str
) -> None:
    if way.lua == "5.1" or way.lua.startswith("luajit"):
        return  # there an environment is no upvalue
    for vm in sharers:
        vm.run(f"g, h = loadfile('{counter}'), loadfile('{counter}')")
        assert vm.run("return debug.upvalueid(g, 1) ~= debug.upvalueid(h, 1)") == ("true",)
        vm.run("debug.setupvalue(h, 1, {}) debug.upvaluejoin(g, 1, h, 1)")
        assert vm.run("return (select(2, debug.getupvalue(g, 1))) ~= _G") == ("true",)


def test_a_load_gives_a_new_function(sharers: Sharers, write: Write) -> None:
    path = write("return 1")
    for vm in sharers:
        assert vm.run(f"return loadfile('{path}') ~= loadfile('{path}')") == ("true",)


def test_tables_that_a_function_makes_are_new_each_time(sharers: Sharers, write: Write) -> None:
    path = write("return {1, 2, x = 'y', {z = 3}}")
    for vm in sharers:
        vm.run(f"a, b = dofile('{path}'), dofile('{path}') a[1], a.x, a[3].z = 'other', nil, 0")
        assert vm.run("return b[1], b.x, b[3].z") == ("1", '"y"', "3")


def test_recursion_and_varargs(sharers: Sharers, write: Write) -> None:
    path = write("local n, most = ...  if n == most then return n end  return (loadfile(file)(n + 1, most))")
    for vm in sharers:
        assert vm.run(f"file = '{path}' return loadfile(file)(1, 150)") == ("150",)
