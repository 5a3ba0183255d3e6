"""The tree of prototypes as a view, with the columns there is room for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget

from ...widgets import formats
from .prototype_tree import COLUMNS, PrototypeTreeModel

_NAME_WIDTH = 180  # pixels, at least
_PADDING = 16
_INDENTATION = 14  # pixels
_NUMBER = "0,000"
_DISPENSABLE = ("Locals", "Upvals", "Consts", "Lines", "Params", "Code")  # the first ones go first


class PrototypeView(QTreeView):
    def __init__(self, model: PrototypeTreeModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIndentation(_INDENTATION)
        self.setAlternatingRowColors(True)
        self.setAllColumnsShowFocus(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.header()
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(30)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._model = model
        self._widths: dict[str, int] = {}  # that titles and values need
        model.modelReset.connect(self._fit)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Room for the largest numbers there are."""
        line, code, size = self._model.largest()
        samples = {"Lines": f"{line}\N{EN DASH}{line}", "Code": formats.count(code), "Bytes": formats.count(size)}
        metrics = self.header().fontMetrics()
        for column, (title, _) in enumerate(COLUMNS[1:], 1):
            texts = (title, _NUMBER, samples.get(title, ""))
            self._widths[title] = max(map(metrics.horizontalAdvance, texts)) + _PADDING
            self.setColumnWidth(column, self._widths[title])
        self._choose_columns()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._choose_columns()
        super().resizeEvent(event)

    def _choose_columns(self) -> None:
        """Show the columns there is room for; the name is never squeezed."""
        titles = [title for title, _ in COLUMNS]
        needed = _NAME_WIDTH + sum(self._widths.values())
        for title in _DISPENSABLE:
            hidden = needed > self.viewport().width()
            self.setColumnHidden(titles.index(title), hidden)
            needed -= self._widths[title] if hidden else 0
