"""The prototypes of a file laid out as a treemap: every function a box, nested ones inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moonscope.model import Prototype

from .treemap import Box, squarify

Path = tuple[int, ...]

TITLE = 17.0
"""Pixels of a box with nested functions that its title takes."""
_EDGE = 2.0  # pixels around nested boxes
_LEAST_SIDE, _LEAST_AREA = 4.0, 24.0  # pixels; smaller boxes are not divided, smaller functions shown together


class Cell(NamedTuple):
    """A function, the box of it with all nested ones, and the box that its own bytes take."""

    path: Path
    prototype: Prototype | None  # None: functions too small to be shown one by one
    box: Box
    own: Box
    titled: bool  # the title has a strip of its own above `own`


class Sizes:
    """Bytes of each prototype with all below it, by path; and the children by size."""

    def __init__(self, root: Prototype) -> None:
        self._total: dict[Path, int] = {}
        self._prototypes: dict[Path, Prototype] = {}
        order: list[Path] = []
        waiting: list[tuple[Path, Prototype]] = [((), root)]
        while waiting:
            path, prototype = waiting.pop()
            self._prototypes[path] = prototype
            self._total[path] = prototype.size
            order.append(path)
            waiting += [((*path, at), child) for at, child in enumerate(prototype.children)]
        for path in reversed(order):
            if path:
                self._total[path[:-1]] += self._total[path]

    def total(self, path: Path) -> int:
        return self._total[path]

    def prototype(self, path: Path) -> Prototype:
        return self._prototypes[path]

    def children(self, path: Path) -> list[Path]:
        """The largest first."""
        nested = [(*path, at) for at in range(len(self._prototypes[path].children))]
        return sorted(nested, key=lambda child: -self._total[child])


def lay_out(sizes: Sizes, box: Box) -> Iterator[Cell]:
    """All cells that can be seen in `box`, the enclosing ones first."""
    waiting: list[tuple[Path, Box]] = [((), box)]
    while waiting:
        path, room = waiting.pop()
        prototype = sizes.prototype(path)
        nested = sizes.children(path) if min(room.width, room.height) >= _LEAST_SIDE * 3 else []
        if not nested:
            yield Cell(path, prototype, room, room, False)
            continue
        titled = room.height > TITLE * 2 and room.width > TITLE * 2
        inside = room.inset(_EDGE, TITLE if titled else _EDGE, _EDGE, _EDGE)
        scale = inside.width * inside.height / sizes.total(path)
        shown = [child for child in nested if sizes.total(child) * scale >= _LEAST_AREA]
        rest = sum(sizes.total(child) for child in nested[len(shown) :])
        items: list[tuple[float, Path | None]] = [(sizes.total(child), child) for child in shown]
        items += [(prototype.size, path)] if prototype.size else []
        items += [(rest, None)] if rest else []
        items.sort(key=lambda item: -item[0])
        boxes = squarify([size for size, _ in items], inside)
        placed = {item: at for (_, item), at in zip(items, boxes, strict=True)}
        yield Cell(path, prototype, room, placed.get(path, inside), titled)
        if None in placed:
            yield Cell(path, None, placed[None], placed[None], False)
        waiting += [(child, placed[child]) for child in shown]
