"""Read-only text whose lines have colours of the theme."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QTextCharFormat, QTextCursor, QTextFormat
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from . import theme
from .cell_delegate import code_font

_TONE = int(QTextFormat.Property.UserProperty)


class TonedText(QPlainTextEdit):
    """Keeps the newest `scrollback` lines. If it was scrolled to the end, it stays there."""

    def __init__(self, scrollback: int, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setMaximumBlockCount(scrollback)
        self.setFont(code_font())
        self.setPlaceholderText(placeholder)

    def write(self, text: str, tone: str) -> None:
        """Append lines; `tone` is a token of the theme."""
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(text, _format(tone))
        if at_end:
            bar.setValue(bar.maximum())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def _restyle(self) -> None:
        """Colour all lines anew."""
        block, cursor = self.document().begin(), QTextCursor(self.document())
        cursor.beginEditBlock()
        while block.isValid():
            cursor.setPosition(block.position())
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            tone = cursor.charFormat().stringProperty(_TONE)
            if tone:
                cursor.setCharFormat(_format(tone))
            block = block.next()
        cursor.endEditBlock()


def _format(tone: str) -> QTextCharFormat:
    style = QTextCharFormat()
    style.setForeground(theme.colour(tone))
    style.setProperty(_TONE, tone)
    return style
