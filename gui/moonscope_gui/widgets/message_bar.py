"""The message bar above the tables: text, details, a button with an offer, and one to dismiss it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from . import icons, theme
from .buttons import tool_button
from .layouts import stack

_DETAIL_LINES = 8
_BACKLOG = 50


@dataclass(frozen=True)
class Message:
    """`kind` is "error", "warning" or "info"; `offer` is the text of a button that calls `accept`."""

    text: str
    details: str = ""
    kind: str = "error"
    offer: str = ""
    accept: Callable[[], object] | None = None
    topic: str = ""  # a new message replaces an older one of the same topic


_TOKENS = {"error": "danger", "warning": "stale", "info": "accent"}


class MessageBar(QFrame):
    """Shows the newest message; when it is dismissed, the one before."""

    shown = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message-bar")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._messages: list[Message] = []
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setObjectName("message-text")
        self._count = QLabel()
        self._details_button = tool_button("Details", "Show all that is known", checked=False)
        self._offer = QPushButton()
        self._offer.setObjectName("message-offer")
        dismiss = tool_button("Dismiss")
        dismiss.setObjectName("message-dismiss")
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        line = QHBoxLayout()
        line.setContentsMargins(10, 5, 6, 5)
        line.setSpacing(8)
        for widget in (self._icon, self._text, self._count, self._details_button, self._offer, dismiss):
            line.addWidget(widget, 1 if widget is self._text else 0)
        layout = stack(self)
        layout.addLayout(line)
        layout.addWidget(self._details)
        self._details_button.toggled.connect(self._details.setVisible)
        self._offer.clicked.connect(self._accept)
        dismiss.clicked.connect(self._dismiss)
        self._show_icon()
        self.hide()

    def show_message(self, message: Message) -> None:
        if message.topic:
            self.withdraw(message.topic)
        self._messages = [*self._messages, message][-_BACKLOG:]
        self._present()
        self.shown.emit(message.text)

    def withdraw(self, topic: str) -> None:
        """Remove the messages of a topic."""
        self._messages = [message for message in self._messages if message.topic != topic]
        self._present()

    @property
    def current(self) -> Message | None:
        return self._messages[-1] if self._messages else None

    def _present(self) -> None:
        message = self.current
        if message is not None:
            self._text.setText(message.text)
            self._details.setPlainText(message.details)
            lines = min(message.details.count("\n") + 1, _DETAIL_LINES)
            self._details.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 14)
            self._details_button.setVisible(bool(message.details))
            self._details_button.setChecked(False)
            self._details.hide()
            self._offer.setText(message.offer)
            self._offer.setVisible(bool(message.offer))
            others = len(self._messages) - 1
            self._count.setText(f"and {others} more" if others else "")
            theme.set_tone(self, _TOKENS[message.kind])
            self._icon.setVisible(message.kind != "info")
        self.setVisible(message is not None)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_icon()

    def _show_icon(self) -> None:
        size = self.fontMetrics().height()
        self._icon.setPixmap(icons.icon("failed").pixmap(size, size))

    @Slot()
    def _accept(self) -> None:
        message = self.current
        self._dismiss()
        if message is not None and message.accept is not None:
            message.accept()

    @Slot()
    def _dismiss(self) -> None:
        self._messages = self._messages[:-1]
        self._present()
