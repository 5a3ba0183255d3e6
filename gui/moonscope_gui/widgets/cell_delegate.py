"""Paints table cells: tones as theme colours, numbers in digits of one width."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QFontMetricsF
from PySide6.QtWidgets import QApplication, QStyledItemDelegate, QStyleOptionViewItem

from . import theme
from .table import TableModel

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_DISPLAY = QStyleOptionViewItem.ViewItemFeature.HasDisplay


def digits_font() -> QFont:
    """The application's font if all its digits have one width, else a fixed-width one of the same size."""
    metrics = QFontMetricsF(QApplication.font())
    if len({round(metrics.horizontalAdvance(digit), 2) for digit in "0123456789"}) == 1:
        return QApplication.font()
    return code_font()


def code_font() -> QFont:
    """A fixed-width font in the size of the application's."""
    return theme.fixed_font()


class CellDelegate(QStyledItemDelegate):
    """Gets text and colour from the model directly; the base class calls `data()` eight times for each cell."""

    def __init__(self, model: TableModel[object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._digits = digits_font()

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        row, column = index.row(), index.column()
        option.index = index  # type: ignore[assignment, attr-defined, unused-ignore]
        option.text = self._model.text_at(row, column).replace("\n", "\N{RETURN SYMBOL} ")  # type: ignore[attr-defined, unused-ignore]
        option.features |= _DISPLAY  # type: ignore[attr-defined, unused-ignore]
        if self._model.columns[column].numeric:
            option.displayAlignment = _RIGHT  # type: ignore[attr-defined, unused-ignore]
            option.font = self._digits  # type: ignore[attr-defined, unused-ignore]
        else:
            option.displayAlignment = _LEFT  # type: ignore[attr-defined, unused-ignore]
            elide = Qt.TextElideMode.ElideLeft if self._model.columns[column].path else Qt.TextElideMode.ElideRight
            option.textElideMode = elide  # type: ignore[attr-defined, unused-ignore]
        if tone := self._model.tone_at(row, column):
            option.palette = theme.text_palette(tone)  # type: ignore[attr-defined, unused-ignore]
