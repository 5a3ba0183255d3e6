"""Events on the time axis: which labels there is room for, and how neighbours share one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from moonscope.model import Mark

_LIMIT = 1_000
_ROOM = 140.0  # pixels that a label may take
_SPACE = 10.0  # pixels between two labels, at least
_INDENT = 3.0  # pixels from the line of an event to its label
SERIOUS = frozenset({"clear", "evict", "failure", "exit"})


@dataclass(frozen=True)
class Label:
    """Text whose left edge is at `x` pixels, for events the first of which is at `line`."""

    line: float
    x: float
    text: str
    serious: bool


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
    marks: Sequence[Mark],
    place: Callable[[Mark], float],
    width: Callable[[str], float],
    edge: float,
) -> list[Label]:
    """Labels for `marks` (ascending) that do not overlap and end before `edge`; close neighbours share one.

    `place` gives the pixel of a mark, `width` the pixels of a text.
    """

    def label(group: list[Mark]) -> Label:
        text = wording(group, width)
        line = place(group[0])
        return Label(line, min(line + _INDENT, edge - width(text)), text, any(mark.kind in SERIOUS for mark in group))

    groups: list[list[Mark]] = []
    labels: list[Label] = []
    for mark in marks:
        groups.append([mark])
        labels.append(label(groups[-1]))
        while len(labels) > 1 and labels[-1].x < labels[-2].x + width(labels[-2].text) + _SPACE:
            last = groups.pop()
            groups[-1] += last
            labels[-2:] = [label(groups[-1])]
    return labels
