"""The tree of what is in a VM: columns share the width, notes take a whole row."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTreeView, QWidget

_SHARES = (0.31, 0.25, 0.15)  # of the width, at first; the last column takes the rest


class LookView(QTreeView):
    """`is_note` tells of an index of `model` whether its row is a note, which is always the last of its parent."""

    def __init__(
        self, model: QAbstractItemModel, is_note: Callable[[QModelIndex], bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
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
        self.header().sectionResized.connect(self._keep_share)
        model.rowsInserted.connect(self._span_note)

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
