"""The tree of prototypes as a view, with the columns there is room for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget

from ..models.prototype_tree import COLUMNS, PrototypeTreeModel

_NAME_WIDTH = 180  # pixels, at least
_PADDING = 16
_INDENTATION = 14  # pixels
_NUMBER, _LINES = "0,000", "000\N{EN DASH}0000"
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
        metrics = header.fontMetrics()
        self._widths = {  # that titles and ordinary values need
            title: max(metrics.horizontalAdvance(title), metrics.horizontalAdvance(sample)) + _PADDING
            for title, sample in ((title, _LINES if title == "Lines" else _NUMBER) for title, _ in COLUMNS[1:])
        }
        for column, width in enumerate(self._widths.values(), 1):
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the columns there is room for; the name is never squeezed."""
        titles = [title for title, _ in COLUMNS]
        needed = _NAME_WIDTH + sum(self._widths.values())
        for title in _DISPENSABLE:
            hidden = needed > self.viewport().width()
            self.setColumnHidden(titles.index(title), hidden)
            needed -= self._widths[title] if hidden else 0
        super().resizeEvent(event)
