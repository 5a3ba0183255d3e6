"""What a prototype takes in the memory of a 64-bit VM, strings apart.

Sizes of the structures, measured with the C compiler on the headers that lupa's Luas are built from (LP64):

    Lua                  5.1  5.2  5.3  5.4  5.5
    Proto                120  128  120  128  128
    constant              16   16   16   16   16
    instruction            4    4    4    4    4
    child pointer          8    8    8    8    8
    line of instruction    4    4    4    1    1    and 8 per line mark in 5.4 and 5.5
    local variable        16   16   16   16   16
    upvalue                8   16   16   16   16    5.1: a pointer to the name, if there are names

For 5.4 and 5.5 this is the sum that Lua's own `luaF_protosize` makes. LuaJIT: see `luajit`.
"""

from __future__ import annotations

from msgspec import Struct

from ..model import LuaVersion, Prototype
from .dialect import Dialect
from .layout import RawFunction
from .tables import DIALECTS


class Breakdown(Struct, frozen=True, kw_only=True):
    """`Prototype.size` by what it is spent on, in bytes; nested functions apart. The sum is the size."""

    header: int
    code: int
    constants: int
    functions: int  # pointers to the nested functions
    upvalues: int  # where they come from and what they are called
    locals: int
    lines: int  # LuaJIT: all debug information


def prototype_bytes(raw: RawFunction, dialect: Dialect) -> int:
    """Bytes that the prototype occupies in a 64-bit VM, without the functions inside."""
    if raw.size:
        return raw.size
    # 5.1 keeps names only; what `raw.upvalues` tells was found in the code there.
    upvalues = raw.upvalue_names if dialect.data_in_code else raw.upvalues
    return (
        dialect.header_bytes
        + len(raw.code)
        + 16 * len(raw.constants)
        + 8 * len(raw.children)
        + len(raw.line_info)
        + 8 * len(raw.line_marks)
        + 16 * len(raw.locals)
        + dialect.upvalue_bytes * len(upvalues)
    )


def breakdown(prototype: Prototype, lua: LuaVersion) -> Breakdown:
    """What the bytes of a prototype are spent on. Line information is what the rest leaves."""
    dialect = DIALECTS[lua]
    parts = _luajit_parts(prototype, dialect) if dialect.is_luajit else _parts(prototype, dialect)
    return Breakdown(**parts, lines=prototype.size - sum(parts.values()))


def _parts(prototype: Prototype, dialect: Dialect) -> dict[str, int]:
    upvalues = len(prototype.upvalues)
    if dialect.data_in_code and not any(upvalue.name for upvalue in prototype.upvalues):
        upvalues = 0
    return {
        "header": dialect.header_bytes,
        "code": 4 * len(prototype.code),
        "constants": 16 * len(prototype.constants),
        "functions": 8 * len(prototype.children),
        "upvalues": dialect.upvalue_bytes * upvalues,
        "locals": 16 * len(prototype.locals),
    }


def _luajit_parts(prototype: Prototype, dialect: Dialect) -> dict[str, int]:
    """One allocation, as in `luajit`; what aligns its parts counts as header. 2.1 is built with GC64."""
    header, reference = dialect.header_bytes, 8 if dialect.layout.lua is LuaVersion.LUAJIT21 else 4
    numbers = prototype.constant_types.count("number")
    objects = len(prototype.constant_types) - numbers
    parts = {
        "header": header,
        "code": 4 * (len(prototype.code) + 1),  # the first one is the header instruction
        "constants": reference * (objects - len(prototype.children)) + 8 * numbers,
        "functions": reference * len(prototype.children),
        "upvalues": dialect.upvalue_bytes * len(prototype.upvalues),
        "locals": 0,
    }
    front = parts["header"] + parts["code"] + reference * objects
    parts["header"] += -front % 8 + 2 * (len(prototype.upvalues) % 2)
    return parts
