"""Squarified treemaps: areas in proportion to sizes, as near to squares as they come.

After Bruls, Huizing and van Wijk: Squarified Treemaps (2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    def inset(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Smaller by that many pixels at each side; never less than nothing."""
        width, height = max(0.0, self.width - left - right), max(0.0, self.height - top - bottom)
        return Box(self.x + left, self.y + top, width, height)

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


def squarify(sizes: Sequence[float], box: Box) -> list[Box]:
    """A box for each size, in their order; sizes descend and are above zero. Together they fill `box`."""
    total = sum(sizes)
    if not sizes or total <= 0:
        return []
    scale = box.width * box.height / total
    areas = [size * scale for size in sizes]
    boxes: list[Box] = []
    at = 0
    while at < len(areas):
        side = min(box.width, box.height)
        end = _row_end(areas, at, side)
        row = areas[at:end]
        placed, box = _lay_row(row, box)
        boxes += placed
        at = end
    return boxes


def _row_end(areas: Sequence[float], start: int, side: float) -> int:
    """Where a row along `side` ends: before the area that would make the worst of its boxes longer."""
    largest = areas[start]
    total = areas[start]
    worst = _worst(total, largest, largest, side)
    end = start + 1
    while end < len(areas):
        grown = total + areas[end]
        longer = _worst(grown, largest, areas[end], side)
        if longer > worst:
            break
        total, worst = grown, longer
        end += 1
    return end


def _worst(total: float, largest: float, smallest: float, side: float) -> float:
    """The worst ratio of sides in a row: that of its largest or of its smallest box."""
    square = side * side
    if not square or not total or not smallest:
        return 0.0
    return max(square * largest / (total * total), total * total / (square * smallest))


def _lay_row(areas: Sequence[float], box: Box) -> tuple[list[Box], Box]:
    """The boxes of one row along the shorter side, and what is left of `box`."""
    total = sum(areas)
    if box.width >= box.height:
        width = min(box.width, total / box.height) if box.height else 0.0
        boxes, y = [], box.y
        for area in areas:
            height = box.height * area / total if total else 0.0
            boxes.append(Box(box.x, y, width, height))
            y += height
        return boxes, box.inset(width, 0, 0, 0)
    height = min(box.height, total / box.width) if box.width else 0.0
    boxes, x = [], box.x
    for area in areas:
        width = box.width * area / total if total else 0.0
        boxes.append(Box(x, box.y, width, height))
        x += width
    return boxes, box.inset(0, height, 0, 0)
