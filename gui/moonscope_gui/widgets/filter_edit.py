"""A line edit that filters the view below it: Down moves the focus to the view, Escape clears the filter."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QWidget


class FilterEdit(QLineEdit):
    """`view` is what it filters."""

    def __init__(self, placeholder: str, view: QAbstractItemView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.setPlaceholderText(placeholder)
        self.setClearButtonEnabled(True)

    def event(self, event: QEvent) -> bool:
        """Take Escape before other shortcuts get it."""
        key = event.key() if isinstance(event, QKeyEvent) else None
        if event.type() == QEvent.Type.ShortcutOverride and key == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
        if event.key() not in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
            super().keyPressEvent(event)
            return
        if event.key() == Qt.Key.Key_Down and not self._view.selectionModel().hasSelection():
            self._view.setCurrentIndex(self._view.model().index(0, 0))
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)
