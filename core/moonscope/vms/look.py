"""Looking into a VM: paths of steps for the C part, and its tuples as one level of entries."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..cache.native_rows import global_id
from ..errors import CancelledError, MoonscopeError, NotFoundError, UsageError
from ..model import ClosureCount, FunctionKind, LookEntry, LookFunction, LookLevel, LookStep, LuaVersion, StepKind
from ..model.names import to_bytes, to_text

if TYPE_CHECKING:
    from .._native._moonscope import LookAnswer, LookEntryTuple, LookFunctionTuple, LookValue, NativeStep

MAX_STEPS = 100
MAX_ENTRIES = 500  # of one answer

_KINDS = tuple(StepKind)
_STARTS = _KINDS[:3]
_BY_KEY = (StepKind.STRING, StepKind.INTEGER, StepKind.NUMBER, StepKind.BOOLEAN, StepKind.OBJECT)
_FUNCTIONS = (FunctionKind.LUA, FunctionKind.C, FunctionKind.LIGHT)
_TYPES = {
    0: "nil", 1: "boolean", 2: "light userdata", 3: "number", 4: "string", 5: "table", 6: "function", 7: "userdata",
    8: "thread", 10: "cdata",
}  # fmt: skip
_DONE, _GONE, _TOO_LONG, _STOPPED, _ = range(5)
_WITH_FLOATS = (LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUA55)  # 1 and 1.0 are told apart
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


# Asking


def native_path(path: Sequence[LookStep]) -> tuple[NativeStep, ...]:
    """The path as the C part takes it. Raises UsageError for one that cannot be."""
    if len(path) > MAX_STEPS:
        raise UsageError(f"a look goes {MAX_STEPS} steps deep at most, not {len(path)}")
    for number, step in enumerate(path):
        if (step.kind in _STARTS) != (number == 0):
            raise UsageError(f"a path begins with one of {', '.join(_STARTS)}, and only there; this has {step.kind}")
    return tuple((_KINDS.index(step.kind), _native_value(step)) for step in path)


def check_page(offset: int, limit: int) -> None:
    """Raises UsageError for entries that cannot be asked for."""
    if not 0 <= offset < 1 << 63 or not 1 <= limit <= MAX_ENTRIES:
        raise UsageError(f"entries are asked for from 0 on and 1 – {MAX_ENTRIES} at once, not {limit} from {offset} on")


def check_lines(line: int, last_line: int) -> None:
    """Raises UsageError for lines that no Lua counts to."""
    if not 0 <= line < 1 << 31 or not 0 <= last_line < 1 << 31:
        raise UsageError(f"there is no function on the lines {line} – {last_line}")


def _native_value(step: LookStep) -> bytes | int | float:
    if step.kind is StepKind.STRING:
        return to_bytes(step.name)
    lowest, highest = (0, 1 << 64) if step.kind is StepKind.OBJECT else (-1 << 63, 1 << 63)
    if isinstance(step.number, int) and lowest <= step.number < highest:
        return float(step.number) if step.kind is StepKind.NUMBER else step.number
    if isinstance(step.number, float) and step.kind is StepKind.NUMBER:
        return step.number
    raise UsageError(f"a step of kind {step.kind} cannot have the number {step.number}")


# Answering


def level(lua: LuaVersion, vm: int, path: Sequence[LookStep], offset: int, answer: LookAnswer) -> LookLevel:
    """What the C part found. Raises NotFoundError when the path leads nowhere (any more), CancelledError when the look
    was interrupted, MoonscopeError when it took too long or there is no memory for it."""
    outcome, gone, opened, total, total_cut, listed, entries = answer
    if outcome != _DONE:
        raise _error(vm, path, outcome, gone)
    return LookLevel(
        vm=vm,
        path=tuple(path),
        type=_type(opened) if path else "",
        offset=min(offset, listed),
        entries=tuple(_entry(lua, entry) for entry in entries),
        listed=listed,
        total=total,
        total_cut=total_cut,
    )


def closure_count(vm: int, answer: tuple[int, int, bool]) -> ClosureCount:
    """What the C part counted. Raises as `level`."""
    outcome, closures, cut = answer
    if outcome != _DONE:
        raise _error(vm, (), outcome, 0)
    return ClosureCount(vm, closures, cut)


def _error(vm: int, path: Sequence[LookStep], outcome: int, gone: int) -> MoonscopeError:
    if outcome == _GONE:
        where = path_text(path[: gone + 1])
        return NotFoundError(f"VM {vm}: {where} is not there: it may have changed since you looked; refresh")
    if outcome == _STOPPED:
        return CancelledError(f"VM {vm}: the look was interrupted")
    if outcome == _TOO_LONG:
        return MoonscopeError(f"VM {vm}: a look at {path_text(path)} took too long and was given up")
    return MoonscopeError(f"VM {vm}: there is not enough memory for a look; is the memory cap of the VM reached?")


def path_text(path: Sequence[LookStep]) -> str:
    """As a person would write it: `globals.player["odd key"][1](metatable)`."""
    text = "".join(_step_text(step) for step in path)
    return text.removeprefix(".") or "its start"


def _step_text(step: LookStep) -> str:
    if step.kind in _STARTS:
        return step.kind.value
    if step.kind is StepKind.STRING:
        key = key_text(to_bytes(step.name))
        return key if key.startswith("[") else f".{key}"
    if step.kind is StepKind.BOOLEAN:
        return f"[{str(bool(step.number)).lower()}]"
    if step.kind is StepKind.OBJECT:
        return f"[0x{step.number:x}]"
    if step.kind in _BY_KEY:
        return f"[{step.number}]"
    return f"({step.kind.value} {step.number})" if step.number else f"({step.kind.value})"


def _entry(lua: LuaVersion, entry: LookEntryTuple) -> LookEntry:
    kind, key, value, count, count_cut, metatable, opens, function = entry
    type = _type(value[0])
    step, shown = _by_key(lua, _KINDS[kind], key) if len(key) == 4 else _by_name(_KINDS[kind], *key)
    return LookEntry(
        step=step,
        key=shown,
        value=_value_text(lua, value),
        type=type,
        count=count if type == "table" else None,
        count_cut=count_cut,
        metatable=metatable,
        opens=opens,
        function=_function(lua, function) if function is not None else None,
    )


def _by_key(lua: LuaVersion, kind: StepKind, key: LookValue) -> tuple[LookStep, str]:
    _, plain, address, length = key
    if kind is StepKind.STRING:
        assert isinstance(plain, bytes)
        if length > len(plain):
            return LookStep(StepKind.OBJECT, number=address), f"[{quoted(plain, length)}]"
        return LookStep(kind, to_text(plain)), key_text(plain)
    shown = f"[{_value_text(lua, key)}]"
    if kind is StepKind.OBJECT:
        return LookStep(kind, number=address), shown
    assert isinstance(plain, int | float)
    return LookStep(kind, number=int(plain) if kind is StepKind.BOOLEAN else plain), shown


def _by_name(kind: StepKind, number: int, name: bytes) -> tuple[LookStep, str]:
    if kind in _STARTS:
        return LookStep(kind), kind.value
    if kind in (StepKind.METATABLE, StepKind.ENVIRONMENT):
        return LookStep(kind), f"({kind.value})"
    return LookStep(kind, number=number), f"({kind.value} {number}) {_text(name)}".rstrip()


def _function(lua: LuaVersion, function: LookFunctionTuple) -> LookFunction:
    kind, upvalues, source, line, last_line, generation, shared = function
    return LookFunction(
        kind=_FUNCTIONS[kind],
        upvalues=upvalues,
        source=_whole(source).decode("utf-8", "replace") if not source.startswith(b"@") else to_text(source),
        line=line,
        last_line=last_line,
        generation=global_id(generation, lua) if generation else None,
        shared=shared,
    )


# Texts


def key_text(key: bytes) -> str:
    """A string key as Lua source has it after a table: `name`, or `["odd name"]`."""
    text = _text(key)
    return text if _NAME.fullmatch(text) else f'["{text}"]'


def quoted(data: bytes, length: int) -> str:
    """A string in quotes, in one line; with `length` more than there is, it is cut and says how long it was."""
    if length <= len(data):
        return f'"{_text(data)}"'
    return f'"{_text(_whole(data))}…" ({length:,} bytes)'


def number_text(lua: LuaVersion, number: float) -> str:
    """As Lua's `tostring` words it, but for the sign of nan."""
    if isinstance(number, int):
        return str(number)
    if lua is LuaVersion.LUA55:
        text = f"{number:.15g}"
        text = text if float(text) == number else f"{number:.17g}"
    else:
        text = f"{number:.14g}"
    return f"{text}.0" if lua in _WITH_FLOATS and text.lstrip("-").isdigit() else text


def _value_text(lua: LuaVersion, value: LookValue) -> str:
    type, plain, address, length = value
    if isinstance(plain, bytes):
        return quoted(plain, length)
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, int | float):
        return number_text(lua, plain)
    name = _type(type)
    return name if name == "nil" else f"{name}: 0x{address:x}"


def _type(number: int) -> str:
    return _TYPES.get(number, "internal value")


def _whole(data: bytes) -> bytes:
    """Without the character that the end of a cut string may have broken."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(data).encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return "".join(
        _ESCAPES.get(character) or (character if character.isprintable() else _escaped(ord(character)))
        for character in data.decode("utf-8", "surrogateescape")
    )


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no part of UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{{{code:x}}}"
