"""What calling certain functions of the standard library means for the state of a VM.

`require`, `rawset`, `setmetatable` and the like change or read it without an instruction that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from ..model import LuaVersion
from .access import STRINGS_METATABLE, Touch, is_standard, read, write
from .flow import GLOBALS, Global, Literal, Value
from .operands import unquoted
from .standard import STANDARD, TABLES
from .values import Kind

Arguments = Sequence[Value | None]
"""What is known of each argument; arguments behind the last known one may be left out."""

_LOOK_ONLY = frozenset({"type", "tostring", "print", "rawequal", "rawlen", "assert", "getmetatable"})
"""Functions that do nothing with the table of globals that anyone else would notice."""
_CHANGE_FIRST = frozenset({"table.insert", "table.remove", "table.sort", "table.setn"})


class Outcome(Struct, frozen=True):
    """What a call touches, what it is known to give, and whether the caller's environment (5.1) is another now."""

    touches: tuple[Touch, ...] = ()
    result: Value | None = None
    new_environment: bool = False
    environment: Value | None = None


def call(function: str, arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    """The outcome of calling the function with the path `function` ("" when it is not known)."""
    if function == "pcall" and arguments and isinstance(arguments[0], Global):
        inner = call(arguments[0].path, arguments[1:], environment, lua)
        return Outcome(inner.touches)  # its results come after a boolean; the environment of pcall is C's matter
    handler = _HANDLERS.get(function) if function in STANDARD[lua] else None
    outcome = handler(arguments, environment, lua) if handler else None
    return outcome if outcome is not None else Outcome(_handed_on(function, arguments, lua))


def _handed_on(function: str, arguments: Arguments, lua: LuaVersion) -> tuple[Touch, ...]:
    first = arguments[0] if arguments else None
    if function in _CHANGE_FIRST and isinstance(first, Global) and is_standard(first.path, lua):
        return ((Kind.CHANGES_STANDARD, first.path),)
    if function in _LOOK_ONLY or GLOBALS not in arguments:
        return ()
    return ((Kind.HANDS_ON_GLOBALS, function),)


def _literal(arguments: Arguments, at: int) -> Literal | None:
    value = arguments[at] if at < len(arguments) else None
    return value if isinstance(value, Literal) else None


def _string(arguments: Arguments, at: int) -> str | None:
    value = _literal(arguments, at)
    return unquoted(value.text) if value is not None and value.type == "string" else None


def _require(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    name = _string(arguments, 0) or ""
    result = Global("" if name == "_G" else name) if name in TABLES[lua] else None
    return Outcome(((Kind.REQUIRES, name),), result)


def _rawset(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    if not (arguments and isinstance(arguments[0], Global)):
        return None
    touch = write(arguments[0], _literal(arguments, 1), lua)
    return Outcome((touch,) if touch else ())


def _rawget(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    if not (arguments and isinstance(arguments[0], Global)):
        return None
    touch, result = read(arguments[0], _literal(arguments, 1), lua)
    return Outcome((touch,) if touch else (), result)


def _setmetatable(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    first = arguments[0] if arguments else None
    if not isinstance(first, Global):
        return None
    if first.path == "":
        return Outcome(((Kind.CHANGES_METATABLE, "_G"),), first)
    return Outcome(((Kind.CHANGES_STANDARD, first.path),), first) if is_standard(first.path, lua) else None


def _getmetatable(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    return Outcome((), Global(STRINGS_METATABLE)) if _string(arguments, 0) is not None else None


def _module(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    return Outcome(((Kind.DEFINES_MODULE, _string(arguments, 0) or ""),), new_environment=True)


def _getfenv(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    own = not arguments or (isinstance(arguments[0], Literal) and arguments[0].text in ("0", "1"))
    return Outcome((), environment if own else None)


def _setfenv(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    """`setfenv(1, t)` gives the function that calls it another environment."""
    level = _literal(arguments, 0)
    if level is None or level.text != "1":
        return None
    return Outcome((), new_environment=True, environment=arguments[1] if len(arguments) > 1 else None)


_HANDLERS: dict[str, Callable[[Arguments, Value | None, LuaVersion], Outcome | None]] = {
    "require": _require,
    "rawset": _rawset,
    "rawget": _rawget,
    "setmetatable": _setmetatable,
    "getmetatable": _getmetatable,
    "module": _module,
    "getfenv": _getfenv,
    "setfenv": _setfenv,
}
