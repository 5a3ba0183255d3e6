"""Shapes laid out as a treemap: every function a box, nested ones inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moonscope.model import PrototypePath

from .shapes import Shape, Sizes
from .treemap import Box, squarify

TITLE = 17.0
"""Pixels of a box with nested functions that its title takes."""
_EDGE = 2.0  # pixels around nested boxes
_LEAST_SIDE, _LEAST_AREA = 4.0, 24.0  # pixels; smaller boxes are not divided, smaller functions shown together
_NOTHING = Box(0, 0, 0, 0)


class Cell(NamedTuple):
    """A function, the box of it with all nested ones, and the box that its own bytes take."""

    path: PrototypePath
    shape: Shape | None  # None: functions too small to be shown one by one
    box: Box
    own: Box
    titled: bool  # the title has a strip of its own above `own`


def lay_out(sizes: Sizes, box: Box) -> Iterator[Cell]:
    """All cells that can be seen in `box`, the enclosing ones first."""
    waiting: list[tuple[PrototypePath, Box]] = [((), box)]
    while waiting:
        path, room = waiting.pop()
        shape = sizes.shape(path)
        nested = sizes.children(path) if min(room.width, room.height) >= _LEAST_SIDE * 3 else []
        if not nested:
            yield Cell(path, shape, room, room, False)
            continue
        titled = room.height > TITLE * 2 and room.width > TITLE * 2
        inside = room.inset(_EDGE, TITLE if titled else _EDGE, _EDGE, _EDGE)
        scale = inside.width * inside.height / max(sizes.total(path), 1)
        shown = [child for child in nested if sizes.total(child) * scale >= _LEAST_AREA]
        rest = sum(sizes.total(child) for child in nested[len(shown) :])
        items: list[tuple[float, PrototypePath | None]] = [(sizes.total(child), child) for child in shown]
        items += [(shape.size, path)] if shape.size else []
        items += [(rest, None)] if rest else []
        items.sort(key=lambda item: -item[0])
        boxes = squarify([size for size, _ in items], inside)
        placed = {item: at for (_, item), at in zip(items, boxes, strict=True)}
        yield Cell(path, shape, room, placed.get(path, _NOTHING), titled)
        if None in placed:
            yield Cell(path, None, placed[None], placed[None], False)
        waiting += [(child, placed[child]) for child in shown]
