"""Constants come out of the cache as they went in: numbers to the bit, strings to the byte, however many there are."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope.model import Sharing, Tier

from .conftest import VM, NewVM, Sharers, Way, Write

# Writes a list of values so that two values differ in text exactly when they differ in Lua.
WRITE_OUT = r"""
function write_out(...)
    local all = {}
    for i = 1, select('#', ...) do
        local v = select(i, ...)
        local kind = math.type and math.type(v) or type(v)
        local text = kind == 'string' and string.format('%q', v) or tostring(v)
        if kind == 'float' or kind == 'number' then text = string.format('%.17g', v) .. (1 / v < 0 and '-' or '+') end
        all[i] = kind .. ' ' .. text
    end
    return table.concat(all, '\n')
end
"""

NUMBERS = (
    "0, -0.0, 0.0, 1, -1, 255, 256, 65535, 65536, 2147483647, 2147483648, -2147483648, 4294967296, 9007199254740993, "
    "0.1, 1e15, 1e16, 1e100, 1e308, 1e309, -1e309, 5e-324, 2.5, -2.5, 3.0, 0x10, 1e0, 123456789012, 0.5, 1 / 3"
)


def long_literal(data: bytes) -> str:
    """A Lua string literal of any bytes, in the words of every Lua."""
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'


def compare(vms: Sharers, stock: VM, path: str) -> str:
    """What the file returns, when it is the same everywhere."""
    for vm in (stock, *vms):
        vm.run(WRITE_OUT)
    (expected,) = stock.run(f"return write_out(dofile('{path}'))")
    for vm in (*vms, vms[0]):
        assert vm.run(f"return write_out(dofile('{path}'))") == (expected,)
    return expected


def test_numbers(sharers: Sharers, stock: VM, write: Write) -> None:
    written = compare(sharers, stock, write(f"return {NUMBERS}"))
    assert written.count("\n") == NUMBERS.count(",")


def test_integers_and_floats_of_equal_value_stay_what_they_are(
    way: Way, sharers: Sharers, stock: VM, write: Write
) -> None:
    path = write("return 1, 1.0, -0.0, 0, 0.0, 3, 3.0, 9223372036854775807, -9223372036854775808, 0x7fffffff, 2^53")
    written = compare(sharers, stock, path)
    if way.lua in ("5.3", "5.4", "5.5"):
        assert written.split("\n")[:3] == ['"integer 1', "float 1+", "float -0-"]


def test_not_a_number_can_be_made_and_is_no_constant(sharers: Sharers, write: Write) -> None:
    path = write("local nan = 0/0  return nan ~= nan, -(0/0) ~= -(0/0)")
    for vm in sharers:
        assert vm.run(f"return dofile('{path}')") == ("true", "true")


def test_booleans_and_nil(sharers: Sharers, stock: VM, write: Write) -> None:
    compare(sharers, stock, write("local t = {[true] = 1, [false] = 2} return nil, true, false, t[true], t[false]"))


def test_strings_around_the_length_where_lua_changes_their_kind(sharers: Sharers, stock: VM, write: Write) -> None:
    path = write("return '', " + ", ".join(f"'{'s' * length}'" for length in [*range(1, 44), 100, 255, 256, 1000]))
    compare(sharers, stock, path)


def test_strings_of_any_bytes(sharers: Sharers, stock: VM, write: Write) -> None:
    data = bytes(range(256))
    literals = ", ".join(long_literal(part) for part in (b"\0", b"a\0b", data, data * 3, b"\0" * 40, b"\0" * 41))
    compare(sharers, stock, write(f"return {literals}"))


def test_a_string_of_300_kilobytes(sharers: Sharers, write: Write) -> None:
    text = "0123456789abcdef" * (300 * 64)
    path = write(f"local text = '{text}'  return #text, text")
    for vm in sharers:
        assert vm.run(f"local n, text = dofile('{path}') return n, text == ('0123456789abcdef'):rep({300 * 64})") == (
            str(300 * 1024),
            "true",
        )


def test_long_strings_are_keys_like_any_other(sharers: Sharers, write: Write) -> None:
    key = "long key " * 10
    path = write(f"local t = ... t['{key}'] = (t['{key}'] or 0) + 1 return t['{key}']")
    for vm in sharers:
        vm.run(f"t = {{[('long key '):rep(10)]= 41}} f = loadfile('{path}')")
        assert vm.run(f"return f(t), t[('long key '):rep(10)], loadfile('{path}')(t)") == ("42", "42", "43")


def test_a_long_string_that_occurs_twice_is_one_object(way: Way, sharers: Sharers, stock: VM, write: Write) -> None:
    if way.lua not in ("5.4", "5.5") or (way.lua == "5.4" and way.sharing == "bytecode"):
        return  # not seen before 5.4, and not kept by a dump of 5.4
    text = "this text has more than forty characters, so it is a long one"
    inner = f"(function() return '{text}' end)()"
    path = write(f"local a = '{text}' local function f() return '{text}', {inner} end return a, f()")
    for vm in (stock, *sharers):
        vm.run(f"a, b, c = dofile('{path}') function address(s) return ('%p'):format(s) end")
        assert vm.run("return address(a) == address(b), address(a) == address(c)") == ("true", "true")


@pytest.fixture
def many_constants(write: Write) -> str:
    """A file with more constants than an instruction can number; its function sets NAMED keys of a table."""
    return write("local t = ... " + "\n".join(f"t.k{i} = 'v{i}'" for i in range(NAMED)))


NAMED = 20_000
SET = f"local n = 0 for i = 0, {NAMED - 1} do if t['k' .. i] == 'v' .. i then n = n + 1 end end return n"


def test_a_file_with_very_many_constants_is_shared_too(way: Way, new_vm: NewVM, many_constants: str) -> None:
    cache = way.new_cache()
    for vm in (new_vm(cache), new_vm(cache)):
        vm.run(f"t = {{}} loadfile('{many_constants}')(t)")
        assert vm.run(SET) == (str(NAMED),)
    assert cache.counters().hits == 1
    cache.measure()
    [row] = cache.generations()
    assert row.tier.value == way.sharing.value
    if row.tier is Tier.DIRECT:
        assert row.private_bytes < 200 < row.unshared_bytes


def test_many_constants_and_a_vm_that_had_some_of_them_before(way: Way, new_vm: NewVM, many_constants: str) -> None:
    """The conflict rule, where it takes long to find out."""
    cache = way.new_cache()
    old, young = new_vm(cache), new_vm(cache)
    old.run("t = {} for i = 0, 99 do t['k' .. i] = false end")
    young.run("t = {}")
    for vm in (young, old, young, old):
        assert vm.run(f"loadfile('{many_constants}')(t) {SET}") == (str(NAMED),)
        assert vm.run("local n = 0 for _ in pairs(t) do n = n + 1 end return n") == (str(NAMED),)
    old.run("collectgarbage()")
    assert old.run(f"f = loadfile('{many_constants}') f(t) {SET}") == (str(NAMED),)
    cache.measure()
    [row] = cache.generations()
    if way.sharing is Sharing.DIRECT:
        assert (row.tier, row.conflicts, row.conflict_tier) == (Tier.DIRECT, 1, Tier.GRAFT)
        assert row.private_bytes < row.conflict_bytes < row.unshared_bytes  # it has all of its own but the words


def test_a_graft_on_conflict_for_which_there_is_no_memory(way: Way, new_vm: NewVM, many_constants: str) -> None:
    if way.sharing is not Sharing.DIRECT:
        return  # there are no conflicts
    cache = way.new_cache()
    vms = [new_vm(cache, cap) for cap in range(1 << 17, 12 << 20, 1 << 19)]
    for vm in vms:
        vm.run("t = {} t['k' .. 0] = 0")
    new_vm(cache).run(f"loadfile('{many_constants}')")
    load = f"local f, message = loadfile('{many_constants}') return f and true or message"
    outcomes = [vm.run(load) for vm in vms]
    assert set(outcomes) == {("true",), ('"not enough memory"',)}
    for vm, outcome in zip(vms, outcomes, strict=True):
        assert vm.run(load) == outcome
        if outcome == ("true",):
            source = vm.run(f"return debug.getinfo(loadfile('{many_constants}'), 'S').source")
            assert source == (f'"@{many_constants}"',)


def test_many_constants_that_fit(way: Way, new_vm: NewVM, write: Write) -> None:
    path = write("local t = ... " + "\n".join(f"t[{i} + 0.5] = 'v{i}'" for i in range(16_000)))
    cache = way.new_cache()
    for vm in (new_vm(cache), new_vm(cache)):
        vm.run(f"t = {{}} loadfile('{path}')(t)")
        right = "for k, v in pairs(t) do if v == 'v' .. math.floor(k) then n = n + 1 end end"
        assert vm.run(f"local n = 0 {right} return n") == ("16000",)
    assert [row.tier.value for row in cache.generations()] == [way.sharing.value]


def nested(depth: int) -> str:
    return "return (function() " * depth + "return 'the innermost'" + " end)()" * depth


def test_functions_nested_as_deep_as_the_compiler_allows(sharers: Sharers, stock: VM, write: Write) -> None:
    """What stock Lua accepts is accepted. Lua counts the C calls above the compiler too, so where files are compiled in
    a state of their own (`direct`) the limit is a little higher."""
    deepest = 0
    for depth in (50, *range(60, 70), 90, 150, *range(185, 201), 250):
        path = write(nested(depth))
        plain = stock.vm.run(f"return dofile('{path}')")
        for vm in sharers:
            shared = vm.vm.run(f"return dofile('{path}')")
            if plain.failure is None:
                deepest = depth
                assert shared.values == plain.values == ('"the innermost"',)
            elif shared.failure is not None:
                assert shared.failure.message == plain.failure.message
    assert deepest >= 60, "nothing was nested"


def test_a_function_with_many_children_and_upvalues(sharers: Sharers, stock: VM, write: Write) -> None:
    names = [f"v{i}" for i in range(50)]
    text = "".join(f"local {name} = {i}\n" for i, name in enumerate(names)) + "local results = {}\n"
    for i in range(200):
        text += f"results[#results + 1] = (function() return {' + '.join(names[: i % 50 + 1])} + {i} end)()\n"
    compare(sharers, stock, write(text + "return table.concat(results, ' ')"))


integers = st.integers(-(1 << 63), (1 << 63) - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
constants = st.lists(integers | floats | st.binary(max_size=60) | st.booleans() | st.none(), max_size=30)


def literal(value: int | float | bytes | bool | None) -> str:
    match value:
        case None | True | False:
            return {None: "nil", True: "true", False: "false"}[value]
        case bytes():
            return long_literal(value)
        case float():
            return f"(-{abs(value)!r})" if math.copysign(1, value) < 0 else repr(value)
        case int():
            return f"({value})" if value > -(1 << 63) else "(-9223372036854775807 - 1)"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=constants)
def test_any_constants(
    way: Way, sharers: Sharers, stock: VM, write: Write, values: list[int | float | bytes | bool | None]
) -> None:
    compare(sharers, stock, write(f"return {', '.join(map(literal, values))}"))
