"""Differences of two long sequences of texts, in bounded time.

First the texts that occur once on each side are put in step (a patience diff); the gaps between them are compared
closely by difflib, whose time grows with their product, and left as one difference each when they are too long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

_MOST_CELLS = 1_000_000  # texts of one side times those of the other in a gap that is compared closely


class Span(NamedTuple):
    """Texts a_from … a_to - 1 stand for texts b_from … b_to - 1; from 0."""

    a_from: int
    a_to: int
    b_from: int
    b_to: int


def differences(a: list[str], b: list[str]) -> tuple[list[Span], bool]:
    """The spans that differ, in order, and whether one of them was too long to be compared closely."""
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    inner = Span(start, len(a) - end, start, len(b) - end)
    found: list[Span] = []
    coarse = False
    for gap in _gaps(a, b, inner):
        size = (gap.a_to - gap.a_from) * (gap.b_to - gap.b_from)
        if size > _MOST_CELLS:
            coarse = True
        found += [gap] if size > _MOST_CELLS or not size else _closely(a, b, gap)
    return found, coarse


def _common(a: list[str], b: list[str]) -> int:
    """How many texts at the start are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _closely(a: list[str], b: list[str], gap: Span) -> list[Span]:
    matcher = SequenceMatcher(None, a[gap.a_from : gap.a_to], b[gap.b_from : gap.b_to], autojunk=False)
    return [
        Span(gap.a_from + a_from, gap.a_from + a_to, gap.b_from + b_from, gap.b_from + b_to)
        for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes()
        if kind != "equal"
    ]


def _gaps(a: list[str], b: list[str], inner: Span) -> list[Span]:
    """What lies between texts that are in step."""
    gaps = []
    a_at, b_at = inner.a_from, inner.b_from
    for a_anchor, b_anchor in [*_anchors(a, b, inner), (inner.a_to, inner.b_to)]:
        if a_anchor < a_at or b_anchor < b_at:
            continue  # the stretch in step before it reached this one
        if (a_anchor, b_anchor) != (a_at, b_at):
            gaps.append(Span(a_at, a_anchor, b_at, b_anchor))
        a_at, b_at = a_anchor, b_anchor
        while a_at < inner.a_to and b_at < inner.b_to and a[a_at] == b[b_at]:
            a_at, b_at = a_at + 1, b_at + 1
    return gaps


def _anchors(a: list[str], b: list[str], inner: Span) -> list[tuple[int, int]]:
    """Places of texts that occur once on each side, as many as keep the order on both."""
    once_a, once_b = _once(a, inner.a_from, inner.a_to), _once(b, inner.b_from, inner.b_to)
    places = sorted((at, once_b[text]) for text, at in once_a.items() if text in once_b)
    ends: list[int] = []  # places in b that end the best chain of each length
    last: list[int] = []  # and the index of that end in `places`
    before: list[int] = []
    for index, (_, at) in enumerate(places):
        length = bisect_left(ends, at)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [at]
        last[length : length + 1] = [index]
    chain = []
    index = last[-1] if last else -1
    while index >= 0:
        chain.append(places[index])
        index = before[index]
    return chain[::-1]


def _once(texts: list[str], start: int, end: int) -> dict[str, int]:
    part = texts[start:end]
    counts = Counter(part)
    return {text: start + at for at, text in enumerate(part) if counts[text] == 1}
