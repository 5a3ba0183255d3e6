"""The selected rows of a table. Works on ranges, so that the cost does not depend on the number of rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QObject, QSignalBlocker, QTimer, Signal, Slot
from PySide6.QtWidgets import QTableView

from .arrangement import runs
from .table import TableModel


def selected_ranges(selection: QItemSelectionModel) -> list[tuple[int, int]]:
    """Selected rows of a flat view that selects whole rows: inclusive ranges without overlap, in the order they were
    selected where Qt kept them apart. The number of rows does not matter; `selectedRows()` asks the model for each."""
    parts = selection.selection()
    ranges = (parts.at(place) for place in range(parts.size()))
    found = list(dict.fromkeys((part.top(), part.bottom()) for part in ranges))
    merged: list[tuple[int, int]] = []
    overlap = False
    for first, last in sorted(found):
        if merged and first <= merged[-1][1]:
            overlap = True
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged if overlap else found


class RowSelection(QObject):
    """Selected rows of `view` by their ids. They stay selected while the model resets or changes their order."""

    changed = Signal()  # emitted once per turn of the event loop

    def __init__(self, view: QTableView, model: TableModel[Any]) -> None:
        super().__init__(view)
        self._view = view
        self._table = model
        self._model = view.selectionModel()
        self._ids: frozenset[Hashable] | None = frozenset()  # None: not looked up since they changed
        self._kept: list[Hashable] = []
        self._kept_current: Hashable = None
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.changed)
        self._model.selectionChanged.connect(self._note)
        model.modelAboutToBeReset.connect(self._set_aside)
        model.modelReset.connect(self._put_back)
        model.about_to_reorder.connect(self._set_aside)
        model.layoutChanged.connect(self._put_back)

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(last - first + 1 for first, last in selected_ranges(self._model))

    @property
    def ids(self) -> frozenset[Hashable]:
        """Of all selected rows. The same object for as long as the same rows are selected."""
        if self._ids is None:
            self._ids = frozenset(self.in_order())
        return self._ids

    @property
    def only(self) -> Hashable | None:
        """The id of the selected row; None unless exactly one is selected."""
        ranges = selected_ranges(self._model)
        return self._table.id_at(ranges[0][0]) if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else None

    def in_order(self) -> list[Hashable]:
        """Ids in the order in which their ranges were selected, in each range from the top."""
        parts = (self._table.ids_between(first, last) for first, last in selected_ranges(self._model))
        return [row_id for part in parts for row_id in part]

    def positions(self) -> list[int]:
        """Positions of the selected rows, ascending."""
        return [place for first, last in sorted(selected_ranges(self._model)) for place in range(first, last + 1)]

    def select(self, ids: Iterable[Hashable]) -> int:
        """Select exactly these rows, as far as they are shown. Returns the position of the first, or -1."""
        positions = self._table.positions(ids)
        selection = QItemSelection()
        last_column = self._table.columnCount() - 1
        for first, last in runs(positions):
            selection.select(self._table.index(first, 0), self._table.index(last, last_column))
        self._model.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        return positions[0] if positions else -1

    def make_current(self, position: int) -> None:
        """Make a row the current one, without scrolling to it; does nothing for -1."""
        if position >= 0:
            self._view.setAutoScroll(False)
            index = self._table.index(position, max(self._view.currentIndex().column(), 0))
            self._model.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            self._view.setAutoScroll(True)

    def settle(self) -> None:
        """Emit a pending `changed` now."""
        if self._soon.isActive():
            self._soon.stop()
            self.changed.emit()

    @Slot()
    def _note(self) -> None:
        self._ids = None
        self._soon.start()

    # While the model resets or reorders: Qt would forget the rows, or follow each cell by a persistent index

    @Slot()
    def _set_aside(self) -> None:
        self._kept = self.in_order()
        current = self._view.currentIndex().row()
        self._kept_current = self._table.id_at(current) if current >= 0 else None
        with QSignalBlocker(self._model):
            self._model.clearSelection()

    @Slot()
    def _put_back(self) -> None:
        kept, self._kept = self._kept, []
        if not kept:
            return
        with QSignalBlocker(self._model):
            self.select(kept)
        self.make_current(next(iter(self._table.positions([self._kept_current])), -1))
        self._view.viewport().update()
        if self.count != len(kept):
            self._note()
