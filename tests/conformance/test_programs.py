"""Any program does through the cache what it does when it is loaded plainly."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import VM, Sharers, Way, Write

# What every program has: it tells values by their text, and its strings and numbers stay small.
PREAMBLE = """
local told = {}
local function tell(...)
    for i = 1, select('#', ...) do
        local v = select(i, ...)
        local kind = type(v)
        if kind == 'number' then v = string.format('%.14g', v) end
        told[#told + 1] = kind .. ((kind == 'table' or kind == 'function') and '' or ' ' .. tostring(v))
    end
    return ...
end
local function cat(a, b) return (a .. b):sub(1, 60) end
local object = {field = 1, ['a field whose name has more than forty characters in it'] = 2}
function object:method(a, ...) tell(self.field, a, select('#', ...)) self.field = a return ... end
"""

NUMBERS = ("0", "1", "-1", "3", "255", "1e15", "0.5", "-2.25", "65536", "2147483648")
STRINGS = ("''", "'a'", "'word'", "'field'", "'\\0\\255'", "'" + "long " * 9 + "'", "'" + "x" * 40 + "'")
GLOBALS = ("g1", "g2", "a_global")
OPERATORS = ("+", "-", "*", "==", "<", "<=", "and", "or", "~=")


@dataclass
class Scope:
    """Names that a piece of a program may use."""

    draw: st.DrawFn
    values: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    varargs: bool = False
    depth: int = 0

    def inner(self, *parameters: str, varargs: bool | None = None) -> Scope:
        more = self.varargs if varargs is None else varargs
        return Scope(self.draw, [*self.values, *parameters], [*self.functions], more, self.depth + 1)

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def count(self, most: int, least: int = 0) -> int:
        return self.draw(st.integers(least, most))


def expression(scope: Scope, depth: int = 0) -> str:
    simple = ["number", "string", "value", "global", "constant"]
    nested = ["binary", "concat", "call", "table", "function", "index", "not"] if depth < 3 else []
    inner = depth + 1
    match scope.one_of(*simple, *nested):
        case "number":
            return scope.one_of(*NUMBERS)
        case "string":
            return scope.one_of(*STRINGS)
        case "value":
            return scope.one_of(*scope.values, "object.field")
        case "global":
            return scope.one_of(*GLOBALS)
        case "binary":
            return f"({expression(scope, inner)} {scope.one_of(*OPERATORS)} {expression(scope, inner)})"
        case "concat":
            return f"cat({expression(scope, inner)}, {expression(scope, inner)})"
        case "call" if scope.functions:
            return f"{scope.one_of(*scope.functions)}({arguments(scope, inner)})"
        case "call":
            return f"object:method({arguments(scope, inner)})"
        case "table":
            return f"{{{arguments(scope, inner)}, field = {expression(scope, inner)}}}"
        case "function" if scope.depth < 4:
            return function("", scope)
        case "index":
            return f"({expression(scope, inner)}).field"
        case "not":
            return f"(not {expression(scope, inner)})"
    return scope.one_of("true", "false", "nil", *(["(...)"] if scope.varargs else []))


def arguments(scope: Scope, depth: int) -> str:
    return ", ".join([*(expression(scope, depth) for _ in range(scope.count(3, 1))), *["..."][: scope.varargs]])


def function(name: str, scope: Scope) -> str:
    parameters = [f"p{scope.depth}_{number}" for number in range(scope.count(2))]
    varargs = scope.draw(st.booleans())
    inner = scope.inner(*parameters, varargs=varargs)
    head = f"function {name}({', '.join([*parameters, *['...'][:varargs]])})"
    return f"{head} {block(inner)} return {expression(inner)} end"


def statement(scope: Scope) -> str:
    kinds = ["local", "assign", "global", "tell", "field"]
    nested = ["if", "for", "function", "do", "pcall", "iterate"] if scope.depth < 4 else []
    match scope.one_of(*kinds, *nested):
        case "local":
            made = f"local v{len(scope.values)} = {expression(scope)}"
            scope.values.append(f"v{len(scope.values)}")
            return made
        case "assign":
            return f"{scope.one_of(*scope.values, 'object.field')} = {expression(scope)}"
        case "global":
            return f"{scope.one_of(*GLOBALS)} = {expression(scope)}"
        case "field":
            return f"object[{expression(scope)}] = {expression(scope)}"
        case "if":
            test = expression(scope)
            return f"if {test} then {block(scope.inner())} else {block(scope.inner())} end"
        case "for":
            name = f"i{scope.depth}"
            return f"for {name} = 1, {scope.count(3)} do local {name} = {name} {block(scope.inner(name))} end"
        case "iterate":
            return f"for _, e in ipairs({{{arguments(scope, 1)}}}) do {block(scope.inner())} tell(e) end"
        case "function":
            name = f"f{scope.depth}_{len(scope.functions)}"
            made = f"local {function(name, scope)}"
            scope.functions.append(name)
            return made
        case "do":
            return f"do {block(scope.inner())} end"
        case "pcall":
            return f"tell(pcall({function('', scope)}, {expression(scope)}))"
    return f"tell({arguments(scope, 1)})"


def block(scope: Scope) -> str:
    return "\n".join(statement(scope) for _ in range(scope.count(4, 1)))


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Several functions, one after the other. Each may end with an error, which tells names and lines."""
    scope = Scope(draw, ["object"])
    bodies = "\n".join(f"tell(pcall(function() {block(scope.inner())} end))" for _ in range(scope.count(6, 1)))
    return f"{PREAMBLE}\n{bodies}\nreturn table.concat(told, '\\n')"


def told(vm: VM, call: str) -> tuple[str, ...]:
    """What a program tells, with the globals as they were; compile errors too."""
    vm.run(" ".join(f"{name} = nil" for name in GLOBALS))
    return vm.run(f"local f, message = {call} if not f then return message end return f()")


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(program=programs())
def test_any_program(way: Way, sharers: Sharers, stock: VM, write: Write, program: str) -> None:
    path = write(program)
    expected = told(stock, f"loadfile('{path}')")
    first, second = sharers
    for vm in (first, second, first):
        assert told(vm, f"loadfile('{path}')") == expected
        vm.run("collectgarbage()")
    dumped = f"(loadstring or load)(string.dump(loadfile('{path}')))"
    assert told(second, dumped) == told(stock, dumped)
