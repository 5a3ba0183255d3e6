"""The table model: rows with ids, filter and sort; changes keep selection and scroll position.

Subclasses declare columns and say what identifies a row. Filtering and sorting happen on raw values, in an
`Arrangement`, instead of in a `QSortFilterProxyModel`: a proxy compares cell by cell through `data()`, which for
1,000 rows that change four times a second keeps the GUI thread busy by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from .arrangement import Arrangement, runs
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
    rank: int = 0  # 0: always shown; others by rank, as far as there is room
    yields: bool = False  # hidden if required columns need the room
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


class TableModel(QAbstractTableModel, Generic[Row]):
    """Rows of one kind of value, keyed by `row_id`."""

    about_to_apply = Signal()  # rows are added, removed or moved; not emitted if only contents change
    about_to_reorder = Signal()  # before layoutAboutToBeChanged, which Qt's selections follow
    applied = Signal(bool)  # whether remaining rows moved

    required_changed = Signal()

    def __init__(self, columns: Sequence[Column[Row]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._arrangement: Arrangement[Row] = Arrangement()
        self._ids: list[Hashable] = []  # of the rows shown, in the order shown
        self._place_of: dict[Hashable, int] | None = None  # of these; None: not looked up since they changed
        self._needle = ""
        self._accept: Callable[[Row], bool] | None = None
        self._searched = tuple(column for column in self.columns if column.is_searched)
        self.required: frozenset[str] = frozenset()  # keys of columns shown whatever their rank

    def row_id(self, row: Row) -> Hashable:
        """What identifies a row; comparable with the ids of all others."""
        raise NotImplementedError

    # What changes

    def apply(self, changed: Iterable[Row] = (), gone: Iterable[Hashable] = ()) -> None:
        """Add or replace the rows `changed`, and remove those with ids in `gone`."""
        touched = {self.row_id(row): row for row in changed}
        lost = {row_id for row_id in gone if row_id in self._rows and row_id not in touched}
        moved = self._arrangement.update(touched)
        if moved or lost:
            self._rearrange(touched, lost)
        else:
            self._announce(touched)

    def reset_rows(self, rows: Iterable[Row] = ()) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._arrangement.reset({self.row_id(row): row for row in rows})
        self._set_ids(self._arrangement.order())
        self.endResetModel()

    def require(self, keys: Iterable[str]) -> None:
        """Show these columns whatever their rank."""
        required = frozenset(keys)
        if required != self.required:
            self.required = required
            self.required_changed.emit()

    def set_filter(self, text: str) -> None:
        """Show only rows where a text column contains `text`; case does not matter."""
        self._needle = text.strip().casefold()
        self._filter()

    def set_accept(self, accept: Callable[[Row], bool] | None) -> None:
        """Show only rows for which `accept` is true, in addition to the filter text."""
        self._accept = accept
        self._filter()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        key = self.columns[column].sort_key if column >= 0 else None
        self._arrangement.sort_by(key, order == Qt.SortOrder.DescendingOrder)
        self._rearrange()

    # What is shown

    @property
    def _rows(self) -> dict[Hashable, Row]:
        return self._arrangement.rows

    @property
    def total(self) -> int:
        """Rows, shown or filtered out."""
        return len(self._rows)

    def row_at(self, position: int) -> Row:
        return self._rows[self._ids[position]]

    def id_at(self, position: int) -> Hashable:
        return self._ids[position]

    def ids_between(self, first: int, last: int) -> list[Hashable]:
        """Ids of the rows from `first` to `last`, which is one of them."""
        return self._ids[first : last + 1]

    def find(self, row_id: Hashable) -> Row | None:
        return self._rows.get(row_id)

    def positions(self, wanted: Iterable[Hashable]) -> list[int]:
        """Positions of rows, ascending, as far as they are shown."""
        if self._place_of is None:
            self._place_of = {row_id: place for place, row_id in enumerate(self._ids)}
        places = self._place_of
        return sorted([places[row_id] for row_id in set(wanted) if row_id in places])

    def records(self, positions: Iterable[int] | None = None) -> list[dict[str, Any]]:
        """Shown rows as raw values by column key, for export."""
        chosen = range(len(self._ids)) if positions is None else positions
        return [{c.key: c.value(row) for c in self.columns} for row in map(self.row_at, chosen)]

    def text_at(self, position: int, column: int) -> str:
        """What a cell shows."""
        return self.shown(self.columns[column], self.row_at(position))

    def whole_text_at(self, position: int, column: int) -> str:
        """The unabbreviated text of a cell, for copying."""
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

    # Changes in steps: remove, reorder, insert, dataChanged; the model is consistent after each

    def _filter(self) -> None:
        self._arrangement.show_only(self._shows if self._needle or self._accept is not None else None)
        self._rearrange()

    def _shows(self, row: Row) -> bool:
        if self._accept is not None and not self._accept(row):
            return False
        needle = self._needle
        return not needle or any(needle in c.text(c.value(row)).casefold() for c in self._searched)

    def _set_ids(self, ids: list[Hashable]) -> None:
        self._ids, self._place_of = ids, None

    def _rearrange(self, touched: Mapping[Hashable, Row] = {}, lost: Collection[Hashable] = ()) -> None:
        wanted = self._arrangement.order(lost)
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
        self._arrangement.remove(lost)
        self.applied.emit(moved)

    def _replace(self, wanted: list[Hashable]) -> None:
        self.beginResetModel()
        self._set_ids(wanted)
        self.endResetModel()

    def _remove(self, ranges: list[tuple[int, int]]) -> None:
        for first, last in reversed(ranges):
            self.beginRemoveRows(QModelIndex(), first, last)
            self._set_ids(self._ids[:first] + self._ids[last + 1 :])
            self.endRemoveRows()

    def _insert(self, ranges: list[tuple[int, int]], wanted: list[Hashable]) -> None:
        for first, last in ranges:
            self.beginInsertRows(QModelIndex(), first, last)
            self._set_ids(self._ids[:first] + wanted[first : last + 1] + self._ids[first:])
            self.endInsertRows()

    def _reorder(self, ids: list[Hashable]) -> None:
        self.about_to_reorder.emit()
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        kept = [(self._ids[old.row()], old.column()) for old in before]
        self._set_ids(ids)
        place = {row_id: self.positions([row_id])[0] for row_id, _ in kept}
        self.changePersistentIndexList(before, [self.index(place[row_id], column) for row_id, column in kept])
        self.layoutChanged.emit()

    def _announce(self, touched: Iterable[Hashable]) -> None:
        ranges = list(runs(self.positions(touched)))
        if len(ranges) > _MANY_RUNS:
            ranges = [(ranges[0][0], ranges[-1][1])]
        for first, last in ranges:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))
