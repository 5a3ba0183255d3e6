"""The functions of a comparison, as a table."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from PySide6.QtCore import QObject

from moonscope.analysis.values import Comparison, Match, Place, PrototypeChange, Side

from ...widgets import formats
from ...widgets.table import Column, TableModel

_TONES = {Match.CHANGED: "stale", Match.ADDED: "hit", Match.REMOVED: "error", Match.SAME: "muted"}


def difference(bytes: int | None) -> str:
    """With its sign; nothing for no difference."""
    return f"{'+' if bytes > 0 else ''}{formats.size(bytes)}" if bytes else ""


def side_words(side: Side) -> str:
    functions = formats.plural(side.prototypes, "function")
    return f"{functions} · {formats.plural(side.instructions, 'instruction')} · {formats.size(side.size)}"


def summary(comparison: Comparison) -> str:
    """`2 changed, 1 added, 9 same · +120 B`"""
    counts = [(comparison.count(match), match.value) for match in _TONES]
    words = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return " · ".join(filter(None, (words, difference(comparison.b.size - comparison.a.size))))


class Numbered(NamedTuple):
    """A function of a comparison and its place in it."""

    number: int
    change: PrototypeChange

    @property
    def place(self) -> Place:
        """After, if it is still there."""
        found = self.change.b or self.change.a
        assert found is not None
        return found


def _name(row: Numbered) -> str:
    name = "main function" if not row.place.path else row.place.name or "function"
    before = row.change.a
    return f"{name}  (was {before.name})" if before and row.place.name and before.name != row.place.name else name


def _lines(place: Place | None) -> str:
    if place is None:
        return ""
    return f"{place.line}\N{EN DASH}{place.last_line}" if place.line else "all"


def _size(place: Place | None) -> int | None:
    return place.size if place else None


def _growth(row: Numbered) -> int:
    return (_size(row.change.b) or 0) - (_size(row.change.a) or 0)


CHANGES: tuple[Column[Numbered], ...] = (
    Column("match", "What", lambda r: r.change.match.value, width=8, tone=lambda r: _TONES[r.change.match],
           tip="changed, added, removed or same"),
    Column("function", "Function", _name, width=16, stretch=True, tip="The function, after the one it is nested in"),
    Column("lines_before", "Lines", lambda r: _lines(r.change.a), width=9, tip="Source lines, before"),
    Column("lines_after", "Lines after", lambda r: _lines(r.change.b), width=9, tip="Source lines, after"),
    Column("similarity", "Alike", lambda r: r.change.similarity if r.change.a and r.change.b else None,
           formats.percent, "Instructions in common, as a share of all", numeric=True, width=7),
    Column("bytes_before", "Bytes", lambda r: _size(r.change.a), formats.size, "Before", numeric=True, width=8),
    Column("bytes_after", "Bytes after", lambda r: _size(r.change.b), formats.size, "After", numeric=True, width=8),
    Column("growth", "Difference", _growth, difference, "Bytes after less bytes before", numeric=True, width=8),
)  # fmt: skip


class ChangesModel(TableModel[Numbered]):
    """The functions of a comparison, in its order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(CHANGES, parent)

    def row_id(self, row: Numbered) -> Hashable:
        return row.number

    def show(self, comparison: Comparison | None) -> None:
        self.reset_rows(Numbered(*each) for each in enumerate(comparison.changes if comparison else ()))
