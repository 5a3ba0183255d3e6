"""The parts that the bytes of a prototype are divided into, as the window calls and colours them."""

from __future__ import annotations

from typing import NamedTuple

from moonscope.bytecode.size import Breakdown, breakdown
from moonscope.model import LuaVersion, Prototype


class Part(NamedTuple):
    title: str
    token: str  # of its colour
    size: int  # bytes


_PARTS = (
    ("code", "Code", "part-code"),
    ("constants", "Constants", "part-constants"),
    ("functions", "Nested functions", "part-functions"),
    ("upvalues", "Upvalues", "part-upvalues"),
    ("locals", "Locals", "part-locals"),
    ("lines", "Lines", "part-lines"),
    ("header", "Header", "part-header"),
)


def parts_of(prototype: Prototype, lua: LuaVersion) -> list[Part]:
    """In a fixed order; parts of no size included, so that colours keep their places."""
    sizes: Breakdown = breakdown(prototype, lua)
    return [Part(title, token, max(0, getattr(sizes, name))) for name, title, token in _PARTS]
