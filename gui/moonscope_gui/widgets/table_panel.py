"""A table with a filter, the number of rows, and a row for more widgets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from .filter_edit import FilterEdit
from .layouts import stack
from .table import TableModel
from .table_view import TableView

DEBOUNCE_MS = 250


class TablePanel(QWidget):
    """`name` identifies the panel in settings and exports; `noun` is what the rows are, in the plural."""

    filtered = Signal()

    def __init__(
        self, model: TableModel[Any], name: str, noun: str, placeholder: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.model = model
        self.view = TableView(model, placeholder, self)
        self.filter = FilterEdit(f"Filter {noun}", self.view)
        self.filter.setObjectName(f"{name}-filter")
        self.filter.setToolTip(f"Show only {noun} that contain this text, in whatever column and case")
        self._count = QLabel()
        self._count.setContentsMargins(6, 0, 4, 0)
        self.bar = QHBoxLayout()
        self.bar.setContentsMargins(6, 4, 6, 4)
        self.bar.addWidget(self.filter, 1)
        self.bar.addWidget(self._count)
        layout = stack(self)
        layout.addLayout(self.bar)
        layout.addWidget(self.view, 1)
        self.setFocusProxy(self.view)
        self._wait = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._wait.timeout.connect(self._apply_filter)
        self.filter.textChanged.connect(lambda: self._wait.start())
        self.filter.returnPressed.connect(self._apply_filter)
        model.applied.connect(self._show_count)
        model.modelReset.connect(self._show_count)
        self.view.chosen.connect(self._show_count)
        self._show_count()

    def set_connected(self, connected: bool) -> None:
        """Disable the table while there is no connection."""
        self.view.setEnabled(connected)

    def reveal(self, ids: Sequence[Hashable]) -> None:
        """Select rows and scroll to the first of them; filters that hide one of them are cleared."""
        if self._wait.isActive():  # a filter that is applied later would hide them again
            self._apply_filter()
        if len(self.model.positions(ids)) < len(ids):
            self.show_all()
        self.view.select_ids(ids)
        for position in self.model.positions(ids)[:1]:
            self.view.scrollTo(self.model.index(position, 0))

    def show_all(self) -> None:
        """Clear all filters."""
        self.filter.clear()
        self._apply_filter()

    @Slot()
    def _apply_filter(self) -> None:
        self._wait.stop()
        self.model.set_filter(self.filter.text())
        self.filtered.emit()

    @Slot()
    def _show_count(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        text = f"{total:,}" if shown == total else f"{shown:,} of {total:,}"
        selected = self.view.selection.count
        self._count.setText(f"{selected:,} selected · {text}" if selected > 1 else text)
