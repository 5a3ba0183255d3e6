"""The source beside the listing: numbered lines in colours, those of the shown function told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHeaderView, QWidget

from ...code.code_view import PADDING, CodeView
from ...code.spans import Span
from .source_text import Source

Index = QModelIndex | QPersistentModelIndex
_CACHED_LINES = 500
_EXTENT = 3  # pixels of the bar beside the lines of the shown function


class SourceModel(QAbstractTableModel):
    """One row per line, from 0."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._set(None)

    def show(self, source: Source | None) -> None:
        self.beginResetModel()
        self._set(source)
        self.endResetModel()

    def _set(self, source: Source | None) -> None:
        self.source = source
        self.lines = source.lines if source else []
        self.spans = lru_cache(_CACHED_LINES)(self._make_spans)

    def _make_spans(self, row: int) -> list[Span]:
        return self.source.spans(row) if self.source else []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.isValid() and index.row() < len(self.lines) and role == Qt.ItemDataRole.DisplayRole:
            return self.lines[index.row()]
        return None


class SourceView(CodeView):
    def __init__(self, model: SourceModel, parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._source = model
        self._extent = range(0)
        self._is_coded: Callable[[int], bool] = lambda row: False
        self.setAccessibleName("Source")
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        model.modelReset.connect(self._fit)
        self._fit()

    def show_function(self, extent: range, is_coded: Callable[[int], bool]) -> None:
        """Mark the rows of a function, and bring out the numbers of those that were compiled to something in it."""
        self._extent, self._is_coded = extent, is_coded
        self.viewport().update()

    def texts(self) -> Iterable[str]:
        return self._source.lines

    def text_of(self, row: int) -> str:
        return self._source.lines[row]

    def _fit(self) -> None:
        source = self._source.source
        digits = max(len(str(len(self._source.lines))), 3)
        self._numbers = round((digits + 1) * self.character) + 2 * PADDING
        text = round((source.width + 1) * self.character) if source else 0
        self.setColumnWidth(0, self._numbers + text + 2 * PADDING)

    def paint_row(self, painter: QPainter, row: int, room: QRect) -> None:
        """The number stays where it is when the text is scrolled sideways."""
        left = self._numbers + PADDING
        shift = self.horizontalScrollBar().value()
        painter.save()
        painter.setClipRect(QRect(left, room.top(), room.width() - left, room.height()))
        spans, width = self._source.spans(row), float(self.columnWidth(0))
        self.draw_found(painter, left - shift, room.top(), spans, width)
        self.draw_spans(painter, left - shift, room.top(), spans, width)
        painter.restore()
        number = str(row + 1)
        coded = self._is_coded(row)
        tone = "text" if coded else "muted"
        x = self._numbers - PADDING - self.width_of(number)
        self.draw_spans(painter, x, room.top(), [(number, tone)], float(self._numbers))
        if row in self._extent:
            bar = QRect(self._numbers - _EXTENT, room.top(), _EXTENT, room.height())
            painter.fillRect(bar, self.colour("accent" if coded else "border"))
