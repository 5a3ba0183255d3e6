"""The one table model: rows with ids, filter, sort, and changes that leave selection and scroll alone.

Subclasses declare columns and say what identifies a row. Filtering and sorting happen here, on raw values in one
Python `sorted`, instead of in a `QSortFilterProxyModel`: a proxy compares cell by cell through `data()`, which for
1,000 rows that change four times a second keeps the GUI thread busy by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from .formats import tip

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex

RAW_ROLE = Qt.ItemDataRole.UserRole
TONE_ROLE = Qt.ItemDataRole.UserRole + 1

_MANY_RUNS = 64  # more scattered changes than this are announced at once
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column. `value` is raw: it is sorted and exported; `text` shows it."""

    key: str  # stable: names the column in exports
    title: str
    value: Callable[[Row], Any]
    text: Callable[[Any], str] = str
    tip: str = ""
    numeric: bool = False  # right-aligned, fixed-width digits, zeros muted
    width: int = 8  # in characters
    rank: int = 0  # 0: always shown; others by rank, as far as there is room and the user chose nothing else
    yields: bool = False  # always shown but when a column that is required now needs the room
    stretch: bool = False
    tone: Callable[[Row], str] | None = None  # a colour token of the theme, "" for none
    searched: bool | None = None  # by the filter; default: text columns
    path: bool = False  # cut at the left, where file names are alike
    order: Callable[[Any], Any] | None = None  # sort key of the raw value
    cell_tip: Callable[[Row], str] | None = None

    @property
    def is_searched(self) -> bool:
        return not self.numeric if self.searched is None else self.searched

    def sort_key(self, row: Row) -> tuple[bool, Any]:
        """Comparable within the column; rows without a value come first."""
        value = self.value(row)
        if value is None:
            return (False, 0)
        if self.order is not None:
            return (True, self.order(value))
        return (True, value.casefold() if isinstance(value, str) else value)


@dataclass
class _Arrangement(Generic[Row]):
    """How a person wants to see the rows."""

    column: int = -1  # -1: in the order they came
    descending: bool = False
    needle: str = ""
    accept: Callable[[Row], bool] | None = None
    searched: Sequence[Column[Row]] = field(default_factory=tuple)

    def shows(self, row: Row) -> bool:
        if self.accept is not None and not self.accept(row):
            return False
        needle = self.needle
        return not needle or any(needle in c.text(c.value(row)).casefold() for c in self.searched)


def runs(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending positions as inclusive ranges."""
    first = last = -2
    for position in positions:
        if position != last + 1:
            if last >= 0:
                yield first, last
            first = position
        last = position
    if last >= 0:
        yield first, last


class TableModel(QAbstractTableModel, Generic[Row]):
    """Rows of one kind of value, keyed by `row_id`."""

    about_to_apply = Signal()
    applied = Signal(bool)  # True: rows that stay changed places
    required_changed = Signal()

    def __init__(self, columns: Sequence[Column[Row]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._rows: dict[Hashable, Row] = {}
        self._ids: list[Hashable] = []  # of the rows shown, in the order shown
        self._view: _Arrangement[Row] = _Arrangement(searched=[c for c in self.columns if c.is_searched])
        self.required: frozenset[str] = frozenset()  # keys of columns that tell rows apart now, whatever their rank

    def row_id(self, row: Row) -> Hashable:
        raise NotImplementedError

    # What changes

    def apply(self, changed: Iterable[Row] = (), gone: Iterable[Hashable] = ()) -> None:
        """Take over rows that are new or changed, and drop those that are gone."""
        lost = {row_id for row_id in gone if row_id in self._rows}
        touched = set()
        for row in changed:
            row_id = self.row_id(row)
            self._rows[row_id] = row
            touched.add(row_id)
        if touched or lost:
            self._rearrange(touched, lost - touched)

    def reset_rows(self, rows: Iterable[Row] = ()) -> None:
        """Forget all rows and take these instead."""
        self.beginResetModel()
        self._rows = {self.row_id(row): row for row in rows}
        self._ids = self._wanted(frozenset())
        self.endResetModel()

    def require(self, keys: Iterable[str]) -> None:
        """Have these columns shown although they have a rank."""
        required = frozenset(keys)
        if required != self.required:
            self.required = required
            self.required_changed.emit()

    def set_filter(self, text: str) -> None:
        """Show only rows where a text column contains `text`, whatever its case."""
        self._view.needle = text.strip().casefold()
        self._rearrange()

    def set_accept(self, accept: Callable[[Row], bool] | None) -> None:
        """Show only rows that `accept` is true for, apart from the filter text."""
        self._view.accept = accept
        self._rearrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._view.column = column
        self._view.descending = order == Qt.SortOrder.DescendingOrder
        self._rearrange()

    # What is shown

    @property
    def total(self) -> int:
        """Rows, shown or filtered out."""
        return len(self._rows)

    def row_at(self, position: int) -> Row:
        return self._rows[self._ids[position]]

    def id_at(self, position: int) -> Hashable:
        return self._ids[position]

    def find(self, row_id: Hashable) -> Row | None:
        return self._rows.get(row_id)

    def positions(self, wanted: Iterable[Hashable]) -> list[int]:
        """Where rows are shown, ascending; ids that are not shown are left out."""
        chosen = set(wanted)
        return [position for position, row_id in enumerate(self._ids) if row_id in chosen] if chosen else []

    def records(self, positions: Iterable[int] | None = None) -> list[dict[str, Any]]:
        """Shown rows as raw values by column key, for export."""
        chosen = range(len(self._ids)) if positions is None else positions
        return [{c.key: c.value(row) for c in self.columns} for row in map(self.row_at, chosen)]

    def text_at(self, position: int, column: int) -> str:
        """What a cell shows."""
        return self.shown(self.columns[column], self.row_at(position))

    def whole_text_at(self, position: int, column: int) -> str:
        """What a cell says, nothing left out for want of room; for copying."""
        declared = self.columns[column]
        return declared.text(declared.value(self.row_at(position)))

    def shown(self, column: Column[Row], row: Row) -> str:
        return column.text(column.value(row))

    def tone_at(self, position: int, column: int) -> str:
        """The colour token of a cell: the column's own, or `muted` for a zero."""
        declared = self.columns[column]
        row = self.row_at(position)
        if declared.tone is not None:
            return declared.tone(row)
        return "muted" if declared.numeric and not declared.value(row) else ""

    # QAbstractTableModel

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        column = self.columns[index.column()]
        row = self._rows[self._ids[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.shown(column, row)
        if role == RAW_ROLE:
            return column.value(row)
        if role == TONE_ROLE:
            return self.tone_at(index.row(), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.numeric else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(column.cell_tip(row)) or None if column.cell_tip else None
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip or column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.numeric else _LEFT
        return None

    # Mechanics: remove, reorder, insert, announce; each step leaves a consistent model

    def _wanted(self, lost: Iterable[Hashable]) -> list[Hashable]:
        view = self._view
        plain = not view.needle and view.accept is None
        ids = [i for i, row in self._rows.items() if i not in lost and (plain or view.shows(row))]
        if view.column >= 0:
            key = self.columns[view.column].sort_key
            ids.sort(key=lambda row_id: key(self._rows[row_id]), reverse=view.descending)
        return ids

    def _rearrange(self, touched: Iterable[Hashable] = frozenset(), lost: Iterable[Hashable] = frozenset()) -> None:
        wanted = self._wanted(lost)
        self.about_to_apply.emit()
        keep, had = set(wanted), set(self._ids)
        out = list(runs(p for p, row_id in enumerate(self._ids) if row_id not in keep))
        new = list(runs(p for p, row_id in enumerate(wanted) if row_id not in had))
        moved = False
        if len(out) + len(new) > _MANY_RUNS:
            self._replace(wanted)
        else:
            self._remove(out)
            stay = [row_id for row_id in wanted if row_id in had]
            moved = stay != self._ids
            if moved:
                self._reorder(stay)
            self._insert(new, wanted)
            self._announce(touched)
        for row_id in lost:
            del self._rows[row_id]
        self.applied.emit(moved)

    def _replace(self, wanted: list[Hashable]) -> None:
        self.beginResetModel()
        self._ids = wanted
        self.endResetModel()

    def _remove(self, ranges: list[tuple[int, int]]) -> None:
        for first, last in reversed(ranges):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._ids[first : last + 1]
            self.endRemoveRows()

    def _insert(self, ranges: list[tuple[int, int]], wanted: list[Hashable]) -> None:
        for first, last in ranges:
            self.beginInsertRows(QModelIndex(), first, last)
            self._ids[first:first] = wanted[first : last + 1]
            self.endInsertRows()

    def _reorder(self, ids: list[Hashable]) -> None:
        self.layoutAboutToBeChanged.emit()
        position = {row_id: place for place, row_id in enumerate(ids)}
        before = self.persistentIndexList()
        after = [self.index(position[self._ids[old.row()]], old.column()) for old in before]
        self._ids = ids
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _announce(self, touched: Iterable[Hashable]) -> None:
        if not touched:
            return
        ranges = list(runs(self.positions(touched)))
        if len(ranges) > _MANY_RUNS:
            ranges = [(ranges[0][0], ranges[-1][1])]
        for first, last in ranges:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))
