"""Events on the time axis: their positions, and the labels that fit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from moonscope.model import Mark

_LIMIT = 1_000
_ROOM = 140.0  # pixels that a label may take
_SPACE = 10.0  # pixels between two labels, at least
_INDENT = 3.0  # pixels from the line of an event to its label
SERIOUS = frozenset({"clear", "evict", "failure", "exit"})


@dataclass(frozen=True)
class Marker:
    """Events that fall on one pixel, `x`. Its label is `text`, whose left edge is at `text_x`; "": there is no room."""

    x: int
    marks: tuple[Mark, ...]
    text: str = ""
    text_x: float = 0.0

    @property
    def serious(self) -> bool:
        return any(mark.kind in SERIOUS for mark in self.marks)


class Marks:
    """The latest marks, oldest first, at most 1,000."""

    def __init__(self) -> None:
        self._marks: deque[Mark] = deque(maxlen=_LIMIT)

    def add(self, marks: Iterable[Mark]) -> None:
        self._marks.extend(marks)

    def clear(self) -> None:
        self._marks.clear()

    def between(self, start: float, end: float) -> list[Mark]:
        return [mark for mark in self._marks if start <= mark.time <= end]


def wording(marks: Sequence[Mark], width: Callable[[str], float]) -> str:
    """`spawn`, `spawn ×3`, `clear, spawn ×2`, `clear, spawn ×2 …`: the fullest that has room, serious events first."""
    counted = sorted(Counter(mark.kind for mark in marks).items(), key=lambda entry: entry[0] not in SERIOUS)
    kinds = [kind if times == 1 else f"{kind} ×{times}" for kind, times in counted]
    for shown in range(min(len(kinds), 3), 0, -1):
        text = ", ".join(kinds[:shown]) + (" …" if shown < len(kinds) else "")
        if width(text) <= _ROOM:
            return text
    return f"×{len(marks)}"


def arrange(
    marks: Iterable[Mark], place: Callable[[Mark], float], width: Callable[[str], float], edge: float
) -> list[Marker]:
    """A marker where each event happened, from left to right; events on the same pixel share it, no others do.

    Labels do not overlap and end before `edge`: the serious ones have the first choice of room, then the others from
    the left. `place` gives the pixel of a mark, `width` the pixels of a text.
    """
    columns: dict[int, list[Mark]] = {}
    for mark in marks:
        columns.setdefault(round(place(mark)), []).append(mark)
    markers = [Marker(x, tuple(found)) for x, found in sorted(columns.items())]
    taken: list[tuple[float, float]] = []
    labelled = {}
    for marker in sorted(markers, key=lambda marker: not marker.serious):
        text = wording(marker.marks, width)
        left = min(marker.x + _INDENT, edge - width(text))
        right = left + width(text)
        if left >= 0 and all(right + _SPACE <= start or end + _SPACE <= left for start, end in taken):
            taken.append((left, right))
            labelled[marker.x] = replace(marker, text=text, text_x=left)
    return [labelled.get(marker.x, marker) for marker in markers]
