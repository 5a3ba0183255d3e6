"""Prototypes as text and JSON, to copy and to keep."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from moonscope.model import Prototype, PrototypeTree

from . import formats
from .prototype_tables import operands_of
from .prototype_tree import lines_of, name_of, parameters_of


def listing(prototype: Prototype) -> str:
    """One prototype, without the nested ones."""
    return "\n".join(_lines(prototype)) + "\n"


def as_json(prototype: Prototype) -> str:
    """A prototype with all nested ones; the keys are the fields of `moonscope.model.Prototype`."""
    return msgspec.json.format(msgspec.json.encode(prototype), indent=2).decode() + "\n"


def totals(tree: PrototypeTree) -> str:
    """`Lua 5.4 · 12 functions · 340 instructions · 8.1 KiB`."""
    functions = instructions = size = 0
    waiting = [tree.root]
    while waiting:
        prototype = waiting.pop()
        functions += 1
        instructions += len(prototype.code)
        size += prototype.size
        waiting += prototype.children
    parts = (formats.plural(functions, "function"), formats.plural(instructions, "instruction"), formats.size(size))
    return " · ".join((_release(tree.lua.value), *parts))


def _release(lua: str) -> str:
    return lua.replace("luajit", "LuaJIT ") if lua.startswith("luajit") else f"Lua {lua}"


def _lines(prototype: Prototype) -> Iterator[str]:
    lines = lines_of(prototype)
    place = f", lines {lines}" if lines else ""
    yield f"{name_of(prototype)}: {prototype.source}{place}"
    yield (
        f"parameters {parameters_of(prototype)}, registers {prototype.stack_size}, "
        f"nested functions {len(prototype.children)}, {formats.plural(prototype.size, 'byte')}"
    )
    yield f"instructions ({len(prototype.code)})"
    for i in prototype.code:
        place = f"[{i.line or '-'}]"
        yield f"{i.pc:6} {place:>8}  {i.opcode:<12} {operands_of(i):<14} {i.comment}".rstrip()
    yield f"constants ({len(prototype.constants)})"
    for number, constant in enumerate(prototype.constants):
        yield f"{number:6}  {constant}"
    yield f"upvalues ({len(prototype.upvalues)})"
    for number, upvalue in enumerate(prototype.upvalues):
        yield f"{number:6}  {upvalue.name or '-'}  {'register' if upvalue.in_stack else 'upvalue'} {upvalue.index}"
    yield f"locals ({len(prototype.locals)})"
    for number, local in enumerate(prototype.locals):
        yield f"{number:6}  {local.name}  {local.start_pc}\N{EN DASH}{local.end_pc}"
