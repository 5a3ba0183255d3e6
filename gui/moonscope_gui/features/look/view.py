"""The tree of what is in a VM: columns share the width, notes take a whole row."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTreeView, QWidget

from moonscope.model import FunctionKind

_SHARES = (0.30, 0.25)  # of the width, at first
_TYPE = 2  # the column that is as wide as its longest word; the last one takes the rest
_PADDING = 16  # pixels
_NO_MATCH = "Nothing that is open matches the filter"


class LookView(QTreeView):
    """`is_note` tells of an index of `model` whether its row is a note, which is always the last of its parent."""

    def __init__(
        self, model: QSortFilterProxyModel, is_note: Callable[[QModelIndex], bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._filtered = model
        self._open: list[QPersistentModelIndex] = []  # what the user opened, also where the filter hides it
        self._is_note = is_note
        self._shares = list(_SHARES)
        self._sharing = False  # columns are being made to fit
        self.setModel(model)
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(True)
        self.setAllColumnsShowFocus(True)
        self.setExpandsOnDoubleClick(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.header().setHighlightSections(False)
        longest = max((kind.value for kind in FunctionKind), key=len)
        self.setColumnWidth(_TYPE, self.fontMetrics().horizontalAdvance(longest) + _PADDING)
        self.header().sectionResized.connect(self._keep_share)
        self.expanded.connect(self._note_opened)
        self.collapsed.connect(self._note_closed)
        model.rowsInserted.connect(self._span_note)

    @Slot(str)
    def set_filter(self, text: str) -> None:
        """Show what has `text` in it and what leads there; what was open is open again when it is back."""
        self._filtered.setFilterFixedString(text)
        self._open = [each for each in self._open if each.isValid()]
        for each in list(self._open):
            self.expand(self._filtered.mapFromSource(each))

    @Slot(QModelIndex)
    def _note_opened(self, index: QModelIndex) -> None:
        self._note_closed(index)
        self._open.append(QPersistentModelIndex(self._filtered.mapToSource(index)))

    @Slot(QModelIndex)
    def _note_closed(self, index: QModelIndex) -> None:
        place = self._filtered.mapToSource(index)
        self._open = [each for each in self._open if each != place]

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._filtered.rowCount() and self._filtered.sourceModel().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, _NO_MATCH)
            painter.end()

    def _span_note(self, parent: QModelIndex, _: int, last: int) -> None:
        if self._is_note(self.model().index(last, 0, parent)):
            self.setFirstColumnSpanned(last, parent, True)

    def _keep_share(self, column: int, _: int, width: int) -> None:
        if not self._sharing and column < len(self._shares):
            self._shares[column] = width / max(1, self.viewport().width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Columns keep their shares of the width, as the person last set them."""
        super().resizeEvent(event)
        self._sharing = True
        for column, share in enumerate(self._shares):
            self.setColumnWidth(column, round(self.viewport().width() * share))
        self._sharing = False
