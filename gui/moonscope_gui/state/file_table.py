"""A table with a column of file names: shown from their common folder on, found and copied whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from ..widgets.formats import tip
from ..widgets.table import Column, TableModel
from .engine_state import EngineState

Row = TypeVar("Row")


class FileTable(TableModel[Row]):
    """`follow_folder` is called after each update that `state` has taken over."""

    folder_changed = Signal(str)

    def __init__(self, columns: Sequence[Column[Row]], state: EngineState, parent: QObject | None = None) -> None:
        super().__init__(columns, parent)
        self._state = state
        self._folder = state.folder
        self._places = [place for place, column in enumerate(self.columns) if column.path]

    def follow_folder(self) -> None:
        """Show names anew when another folder is the common one."""
        if self._state.folder == self._folder:
            return
        self._folder = self._state.folder
        for place in self._places:
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, place, place)
            if self.rowCount():
                self.dataChanged.emit(self.index(0, place), self.index(self.rowCount() - 1, place))
        self.folder_changed.emit(self._folder.path)

    def shown(self, column: Column[Row], row: Row) -> str:
        text = super().shown(column, row)
        return self._folder.short(text) if column.path else text

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        told = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.ToolTipRole and section in self._places and self._folder.path:
            return tip(f"{told}\nNames are shown from {self._folder.path} on; they are copied whole.")
        return told
