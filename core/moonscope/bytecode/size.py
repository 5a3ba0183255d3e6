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

from .dialect import Dialect
from .layout import RawFunction


def prototype_bytes(raw: RawFunction, dialect: Dialect) -> int:
    described = len(raw.upvalues) or len(raw.upvalue_names)
    return (
        dialect.header_bytes
        + len(raw.code)
        + 16 * len(raw.constants)
        + 8 * len(raw.children)
        + len(raw.line_info)
        + 8 * len(raw.line_marks)
        + 16 * len(raw.locals)
        + dialect.upvalue_bytes * described
    )
