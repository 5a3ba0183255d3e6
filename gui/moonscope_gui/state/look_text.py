"""What is found in a VM, in words for people."""

from __future__ import annotations

from moonscope.model import FunctionKind, LookEntry, LookFunction, StepKind

from ..widgets import formats
from . import chunk_name

_TONES = {"string": "string", "number": "number", "boolean": "keyword", "nil": "keyword"}
_BY_KEY = (StepKind.STRING, StepKind.INTEGER, StepKind.NUMBER, StepKind.BOOLEAN, StepKind.OBJECT)


def type_of(entry: LookEntry) -> str:
    """Lua's name of the type; functions by their kind."""
    return entry.function.kind.value if entry.function is not None else entry.type


def value_of(entry: LookEntry) -> str:
    """Lua closures by where they were written; other objects by their address, without the type that stands beside
    it; anything else as it is shown."""
    if entry.function is not None and entry.function.kind is FunctionKind.LUA:
        return place_of(entry.function)
    return entry.value if entry.type in _TONES else entry.value.removeprefix(f"{entry.type}: ")


def place_of(function: LookFunction) -> str:
    return place(function.source, function.line, function.last_line)


def place(source: str, line: int, last_line: int) -> str:
    """`player.lua:12–20`, `player.lua: main function`, `console:1`."""
    name = chunk_name.short(source)
    return f"{name}: main function" if line == 0 else f"{name}:{_lines(line, last_line)}"


def details_of(entry: LookEntry) -> str:
    """Sizes, upvalues, and whose code a function runs."""
    parts = []
    if entry.count is not None:
        more = " or more" if entry.count_cut else ""
        parts.append("empty" if not entry.count else formats.plural(entry.count, "entry", "entries") + more)
    if entry.function is not None:
        parts += _function_details(entry.function)
    if entry.metatable:
        parts.append("metatable")
    return ", ".join(parts)


def tip_of(entry: LookEntry) -> str:
    """More than there is room for in a row."""
    function = entry.function
    if function is None or function.kind is not FunctionKind.LUA:
        return entry.value
    lines = "main function" if function.line == 0 else f"line {_lines(function.line, function.last_line)}"
    return f"{chunk_name.whole(function.source)}\n{lines}\n{entry.value}\n{details_of(entry)}\n{_whose(function)}"


def value_tone(entry: LookEntry) -> str:
    """A token of the theme, "" for ordinary text."""
    if entry.function is not None:
        return "link" if entry.function.kind is FunctionKind.LUA else "muted"
    return _TONES.get(entry.type, "")


def key_tone(entry: LookEntry) -> str:
    """What is no key of a table is set apart."""
    return "" if entry.step.kind in _BY_KEY else "upvalue" if entry.step.kind is StepKind.UPVALUE else "muted"


def _lines(line: int, last_line: int) -> str:
    return str(line) if line == last_line else f"{line}\N{EN DASH}{last_line}"


def _function_details(function: LookFunction) -> list[str]:
    parts = []
    if function.kind is FunctionKind.LUA and function.generation is None:
        parts.append("not from the cache")
    elif function.kind is FunctionKind.LUA:
        parts.append(f"{'shared' if function.shared else 'own copy'}, generation {function.generation:,}")
    if function.upvalues:
        parts.append(formats.plural(function.upvalues, "upvalue"))
    return parts


def _whose(function: LookFunction) -> str:
    if function.shared:
        return "All VMs that loaded this file run the same code in memory."
    if function.generation is not None:
        return "This VM has a copy of its own of the cached code."
    return "This VM compiled it for itself; it is not in the cache."
