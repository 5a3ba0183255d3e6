"""What reading or writing one field means, given how its table was found."""

from __future__ import annotations

import re

from ..bytecode import text
from ..model import LuaVersion
from .flow import Global, Literal
from .standard import STANDARD, TABLES, others_with
from .values import Kind

Touch = tuple[Kind, str]
"""What an instruction does with state of the VM, and the name of what it touches."""

STRINGS_METATABLE = 'getmetatable("")'
"""The path of the one metatable that all strings of a VM share."""
REGISTRY = "debug.getregistry()"
REACHING_BEYOND = frozenset(
    f"debug.{name}"
    for name in ("getregistry", "sethook", "setlocal", "setmetatable", "setupvalue", "setuservalue", "upvaluejoin")
)

_SPECIAL = {
    "load": Kind.LOADS_CODE,
    "loadstring": Kind.LOADS_CODE,
    "loadfile": Kind.LOADS_CODE,
    "dofile": Kind.LOADS_CODE,
    "setfenv": Kind.CHANGES_ENVIRONMENT,
    "getfenv": Kind.CHANGES_ENVIRONMENT,
    "debug.setfenv": Kind.CHANGES_ENVIRONMENT,
    "debug.getfenv": Kind.CHANGES_ENVIRONMENT,
}


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def unquoted(constant: str) -> str:
    """The text of a string constant; bytes that are not UTF-8 as \\xNN."""
    return text.unquoted(constant).decode("utf-8", "backslashreplace")


def field_name(table: str, constant: str) -> str:
    """The path of a field as a program writes it; `table` is "" for the table of globals."""
    name = unquoted(constant) if constant.startswith('"') else ""
    if _IDENTIFIER.match(name):
        return f"{table}.{name}" if table else name
    shown = f'"{name}"' if name and name.isprintable() and not set('"\\') & set(name) else constant
    return f"{table or '_G'}[{shown}]"


def is_standard(path: str, lua: LuaVersion) -> bool:
    """Whether a path is a table of the standard library or something in one."""
    if path.startswith(("getmetatable(", REGISTRY)):
        return True
    return path.partition(".")[0].partition("[")[0] in TABLES[lua]


def read(table: Global, key: Literal | None, lua: LuaVersion) -> tuple[Touch | None, Global | None]:
    """What is touched, and what the read gives. A `key` of None is not known before the program runs."""
    path = table.path
    if key is None:
        return (None if path else (Kind.READS_COMPUTED_GLOBAL, "")), None
    if path == "package.loaded":
        name = unquoted(key.text) if key.type == "string" else ""
        return None, (Global("" if name == "_G" else name) if name in TABLES[lua] else None)
    if path == STRINGS_METATABLE and key.text == '"__index"':
        return None, Global("string")
    if path.startswith(("getmetatable(", REGISTRY)):
        return None, Global(field_name(path, key.text))
    if path and (path not in TABLES[lua]):
        return None, None  # a field of a value that was found through the globals, told where it was found
    name = field_name(path, key.text)
    return (_kind_of(name, lua), name), Global("" if name == "_G" else name)


def _kind_of(name: str, lua: LuaVersion) -> Kind:
    if name not in STANDARD[lua]:
        return Kind.READS_OTHER_STANDARD if others_with(name, lua) else Kind.READS_GLOBAL
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name in REACHING_BEYOND:
        return Kind.REACHES_BEYOND
    return Kind.USES_DEBUG if name.startswith("debug.") else Kind.READS_STANDARD


def write(table: Global, key: Literal | None, lua: LuaVersion) -> Touch | None:
    """What a write touches; None for a table that belongs neither to the globals nor to the standard library."""
    path = table.path
    if not path:
        if key is None:
            return Kind.WRITES_COMPUTED_GLOBAL, ""
        name = field_name("", key.text)
        return (Kind.CHANGES_STANDARD if name in STANDARD[lua] else Kind.WRITES_GLOBAL), name
    if not is_standard(path, lua):
        return None
    return Kind.CHANGES_STANDARD, field_name(path, key.text) if key is not None else f"{path}[…]"
