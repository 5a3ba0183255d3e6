"""The jumps of a function as arrows in lanes beside its listing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

MAX_LANES = 10
"""Arrows that find no free lane share the outermost one."""


class Arrow(NamedTuple):
    """A jump from row to row, both from 0. Lane 0 is next to the code."""

    source: int
    target: int
    lane: int
    first: int  # the upper one of both rows
    last: int


class Arrows:
    """All arrows of one function. Short ones run inside long ones, so they seldom cross."""

    def __init__(self, found: Iterable[tuple[int, int]], count: int) -> None:
        """Of jumps from pc to pc in `count` instructions."""
        jumps = [(pc - 1, to - 1) for pc, to in found if 0 < to <= count and pc != to]
        jumps.sort(key=lambda jump: abs(jump[0] - jump[1]))
        self._firsts: list[list[int]] = []  # of each lane, the upper row of each arrow, ascending
        self._lanes: list[list[Arrow]] = []
        self._ends: dict[int, list[Arrow]] = {}
        for source, target in jumps:
            self._place(source, target)
        self._reaching = [list(accumulate(lane, _lower)) for lane in self._lanes]

    def _place(self, source: int, target: int) -> None:
        first, last = (source, target) if source < target else (target, source)
        at = lane = 0
        for lane, firsts in enumerate(self._firsts):
            at = bisect_left(firsts, first)
            free = at == len(firsts) or firsts[at] > last
            if free and (at == 0 or self._lanes[lane][at - 1].last < first):
                break
        else:
            if len(self._lanes) < MAX_LANES:
                lane, at = len(self._lanes), 0
                self._firsts.append([])
                self._lanes.append([])
        arrow = Arrow(source, target, lane, first, last)
        self._firsts[lane].insert(at, first)
        self._lanes[lane].insert(at, arrow)
        for row in (source, target):
            self._ends.setdefault(row, []).append(arrow)

    @property
    def lanes(self) -> int:
        return len(self._lanes)

    def at(self, row: int) -> Sequence[Arrow]:
        """The arrows that begin or end at a row."""
        return self._ends.get(row, ())

    def across(self, row: int) -> Iterator[Arrow]:
        """Of each lane, the outer ones first, an arrow that begins at, ends at or passes by a row."""
        for firsts, reaching in zip(reversed(self._firsts), reversed(self._reaching), strict=True):
            before = bisect_right(firsts, row)
            if before and reaching[before - 1].last >= row:
                yield reaching[before - 1]


def _lower(one: Arrow, other: Arrow) -> Arrow:
    """The one that reaches down further; accumulated over a lane, the furthest of all up to each."""
    return one if one.last >= other.last else other
