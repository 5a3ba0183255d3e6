"""Dumped Lua chunks, read: the tree of prototypes, its listing, its size.

    tree = read(dump, LuaVersion.LUA54, key="main.lua")
    print(listing(tree))

There is a table for each Lua (`tables`). Lua 5.1 – 5.5 are read by one reader (`layout`), LuaJIT by another
(`luajit`), because its functions stand in another order. The bytes may come from anywhere: they are never handed to a
VM, only `BytecodeError` is raised, and time and memory are bounded by a multiple of their length.
"""

from __future__ import annotations

import msgspec

from ..model import NO_CONTEXT, Context, LuaVersion, Prototype, PrototypeTree, walk
from . import luajit
from .layout import RawFunction, check_version, read_chunk
from .listing import listing, operands_text
from .luajit import FORMATS as LUAJITS
from .reporter import SILENT, Reporter
from .tables import DIALECTS
from .tree import prototype_tree

__all__ = ["as_json", "count_prototypes", "listing", "operands_text", "read"]


def read(
    data: bytes,
    lua: LuaVersion,
    key: str = "",
    *,
    generation: int | None = None,
    context: Context = NO_CONTEXT,
) -> PrototypeTree:
    """The prototypes of a dump that `string.dump`, `lua_dump` or luac of that Lua made on a 64-bit machine.

    `notice` in the answer tells what the dump does not hold. Raises BytecodeError: truncated, damaged, of another
    Lua, of another architecture, or not a dump; CancelledError. The context is told how far it is now and then.
    """
    reporter = Reporter(context, 2 * len(data))  # every byte is read, then made text of
    main, left = _raw(data, lua, reporter)
    notices = []
    if main.source is None:
        notices.append("Debug information was stripped: lines, local names and upvalue names are unknown.")
    if left:
        notices.append(f"{left:,} bytes after the end of the chunk were not read.")
    root = prototype_tree(main, DIALECTS[lua], len(data), reporter)
    return PrototypeTree(lua=lua, key=key, root=root, generation=generation, notice=" ".join(notices))


def as_json(value: PrototypeTree | Prototype) -> bytes:
    """All of it, as one JSON object."""
    return msgspec.json.encode(value, enc_hook=tuple)


def count_prototypes(data: bytes, lua: LuaVersion) -> int:
    """The number of prototypes in a dump, without decoding any. Raises BytecodeError as `read` does."""
    if lua in LUAJITS:
        check_version(data, lua)
        return luajit.count(data, lua)
    return sum(1 for _ in walk(_raw(data, lua, SILENT)[0]))


def _raw(data: bytes, lua: LuaVersion, reporter: Reporter) -> tuple[RawFunction, int]:
    """The main function and the number of bytes that follow it."""
    check_version(data, lua)
    if lua in LUAJITS:
        return luajit.read_chunk(data, lua, reporter)
    layout = DIALECTS[lua].layout
    cursor = layout.cursor(data, reporter)
    return read_chunk(cursor, layout), cursor.end - cursor.at
