"""What calling certain functions of the standard library means for the state of a VM.

`require`, `rawset`, `setmetatable` and the like change or read it without an instruction that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from ..model import LuaVersion
from .access import REGISTRY, STRINGS_METATABLE, Touch, is_standard, read, unquoted, write
from .flow import GLOBALS, Global, Literal, Value, is_shared_table
from .standard import STANDARD, TABLES
from .values import Kind

Arguments = Sequence[Value | None]
"""What is known of each argument; arguments behind the last known one may be left out."""

_LOOK_ONLY = frozenset({"type", "tostring", "print", "rawequal", "rawlen", "assert", "getmetatable"})
"""Functions that do nothing with the table of globals that anyone else would notice."""
_READ_ONLY = frozenset({"pairs", "ipairs", "next", "select", "unpack", "table.unpack", "table.concat", "rawget"})
"""Functions that give what is in the table of globals to their caller, and change nothing."""
_CHANGE_FIRST = frozenset({"table.insert", "table.remove", "table.sort", "table.setn"})
_QUERIES: dict[str, frozenset[str]] = {
    "collectgarbage": frozenset({"collect", "count", "step", "isrunning"}),
    "os.setlocale": frozenset(),
    "io.input": frozenset(),
    "io.output": frozenset(),
}
"""Functions that set something of the VM or the process, but with these first arguments, and without any."""
_SETTERS = frozenset({"math.randomseed", "jit.on", "jit.off", "jit.attach", "debug.setcstacklimit"})
"""Functions that set something whatever they are given."""


class Outcome(Struct, frozen=True):
    """What a call touches, what it is known to give, and whether the caller's environment (5.1) is another now."""

    touches: tuple[Touch, ...] = ()
    result: Value | None = None
    new_environment: bool = False
    environment: Value | None = None


def call(function: str, arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    """The outcome of calling the function with the path `function` ("" when it is not known)."""
    skipped = {"pcall": 1, "xpcall": 2}.get(function, 0)
    if skipped and arguments and isinstance(arguments[0], Global):
        inner = call(arguments[0].path, arguments[skipped:], environment, lua)
        return Outcome(inner.touches)  # its results come after a boolean; the environment of pcall is C's matter
    if function in STANDARD[lua] and _sets(function, arguments):
        return Outcome(((Kind.CHANGES_SETTING, function),))
    handler = _HANDLERS.get(function) if function in STANDARD[lua] else None
    outcome = handler(arguments, environment, lua) if handler else None
    return outcome if outcome is not None else Outcome(_handed_on(function, arguments, lua))


def _sets(function: str, arguments: Arguments) -> bool:
    if function in _QUERIES:
        return bool(arguments) and _string(arguments, 0) not in _QUERIES[function]
    return function in _SETTERS


def _handed_on(function: str, arguments: Arguments, lua: LuaVersion) -> tuple[Touch, ...]:
    first = arguments[0] if arguments else None
    if function in _CHANGE_FIRST and isinstance(first, Global) and is_standard(first.path, lua):
        return ((Kind.CHANGES_STANDARD, first.path),)
    if function in _LOOK_ONLY:
        return ()
    if GLOBALS in arguments:
        return ((Kind.READS_ALL_GLOBALS if function in _READ_ONLY else Kind.HANDS_ON_GLOBALS, function),)
    if function in STANDARD[lua]:
        return ()
    given = [each.path for each in arguments if isinstance(each, Global) and is_shared_table(each)]
    return tuple((Kind.HANDS_ON_STANDARD, path) for path in given if is_standard(path, lua))


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
    if _string(arguments, 0) is not None:
        return Outcome((), Global(STRINGS_METATABLE))
    first = arguments[0] if arguments else None
    if isinstance(first, Global) and (first == GLOBALS or is_standard(first.path, lua)):
        return Outcome((), Global(f"getmetatable({first.path or '_G'})"))
    return None


def _debug_setmetatable(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome | None:
    """The metatable of a value that is no table is that of all values of its type."""
    kind = _literal(arguments, 0)
    if kind is not None:
        return Outcome(((Kind.CHANGES_STANDARD, f"getmetatable({kind.text})"),))
    return _setmetatable(arguments, environment, lua)


def _getregistry(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    return Outcome((), Global(REGISTRY))


def _assert(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    return Outcome((), arguments[0] if arguments else None)


def _warn(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
    sets = (_string(arguments, 0) or "").startswith("@")
    return Outcome(((Kind.CHANGES_SETTING, "warn"),) if sets else ())


def _loads(function: str, environment_at: int) -> Callable[[Arguments, Value | None, LuaVersion], Outcome]:
    """Code that is given an environment of its own, as the argument at a position, reaches the globals only there."""

    def outcome(arguments: Arguments, environment: Value | None, lua: LuaVersion) -> Outcome:
        own = 0 <= environment_at < len(arguments) and lua is not LuaVersion.LUA51
        if own and arguments[environment_at] != GLOBALS:
            return Outcome()
        return Outcome(((Kind.RUNS_LOADED_CODE, function),))

    return outcome


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
    "debug.getmetatable": _getmetatable,
    "debug.setmetatable": _debug_setmetatable,
    "debug.getregistry": _getregistry,
    "assert": _assert,
    "warn": _warn,
    "load": _loads("load", 3),
    "loadstring": _loads("loadstring", -1),
    "loadfile": _loads("loadfile", 2),
    "dofile": _loads("dofile", -1),
    "module": _module,
    "getfenv": _getfenv,
    "setfenv": _setfenv,
}
