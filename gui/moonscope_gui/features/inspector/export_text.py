"""A function with all nested ones as text and JSON, to copy and to keep."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from moonscope import bytecode
from moonscope.bytecode import listing
from moonscope.model import Prototype, PrototypeTree

from ...widgets import formats


def as_listing(tree: PrototypeTree, prototype: Prototype) -> str:
    """What `luac -l -l` prints for a chunk with this main function; `#0`, `#1`, … instead of addresses."""
    return listing(replace(tree, root=prototype)).lstrip("\n")


def as_json(prototype: Prototype) -> str:
    """The keys are the fields of `moonscope.model.Prototype`."""
    return msgspec.json.format(bytecode.as_json(prototype), indent=2).decode() + "\n"


def totals(tree: PrototypeTree) -> str:
    """`Lua 5.4 · 12 functions · 340 instructions · 8.1 KiB`."""
    sizes = [(len(prototype.code), prototype.size) for prototype in tree.root.walk()]
    instructions, size = map(sum, zip(*sizes, strict=True))
    parts = (formats.plural(len(sizes), "function"), formats.plural(instructions, "instruction"), formats.size(size))
    return " · ".join((release(tree), *parts))


def release(tree: PrototypeTree) -> str:
    return tree.lua.full_name
