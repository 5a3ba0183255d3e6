"""An editor for code: Enter submits it, Shift+Enter starts a new line, Up and Down recall earlier input."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from .cell_delegate import code_font

_MAX_LINES = 8


class HistoryEdit(QPlainTextEdit):
    """Its height grows with the text, up to eight lines."""

    submitted = Signal(str)

    def __init__(self, history: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = list(history)  # oldest first
        self._place = len(self.history)  # in the history; its length: the text being written
        self._draft = ""
        self.setFont(code_font())
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.textChanged.connect(self._grow)
        self._grow()

    @Slot()
    def submit(self) -> None:
        source = self.toPlainText().strip()
        if not source:
            return
        if not self.history or self.history[-1] != source:
            self.history.append(source)
        self._place = len(self.history)
        self._draft = ""
        self.clear()
        self.submitted.emit(source)

    @Slot()
    def _grow(self) -> None:
        lines = min(max(self.document().blockCount(), 1), _MAX_LINES)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 12)

    def _recall(self, step: int) -> None:
        place = self._place + step
        if not 0 <= place <= len(self.history):
            return
        if self._place == len(self.history):
            self._draft = self.toPlainText()
        self._place = place
        self.setPlainText(self._draft if place == len(self.history) else self.history[place])
        self.moveCursor(QTextCursor.MoveOperation.End)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        cursor = self.textCursor()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not shift:
            self.submit()
        elif event.key() == Qt.Key.Key_Up and cursor.blockNumber() == 0:
            self._recall(-1)
        elif event.key() == Qt.Key.Key_Down and cursor.blockNumber() == self.document().blockCount() - 1:
            self._recall(1)
        else:
            super().keyPressEvent(event)
