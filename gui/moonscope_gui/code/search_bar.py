"""A search field with the number of matches and buttons for the next and the previous one."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from ..widgets import icons, theme
from ..widgets.buttons import tool_button

_DEBOUNCE_MS = 250


class SearchBar(QWidget):
    """Says what is wanted; `show_hit` and `show_nothing` tell what came of it."""

    wanted = Signal(str)  # the text, after a pause in typing
    step_wanted = Signal(int)  # 1: the next match, -1: the previous one

    def __init__(self, tip: str, what: str, parent: QWidget | None = None) -> None:
        """`what` is searched, in a word."""
        super().__init__(parent)
        self.field = QLineEdit(placeholderText=f"Find in {what}", clearButtonEnabled=True)
        self.field.setToolTip(tip)
        self._hits = QLabel()
        self._wait = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._wait.timeout.connect(self.ask)
        self.field.textChanged.connect(lambda: self._wait.start())
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(6, 4, 6, 4)
        self._row.setSpacing(2)
        self._row.addWidget(self.field, 1)
        self._row.addSpacing(2)
        self._row.addWidget(self._hits)
        for name, step, words in (("previous", -1, "Previous match"), ("next", 1, "Next match")):
            button = tool_button("", f"{words} ({'Enter' if step > 0 else 'Shift+Enter'})")
            button.setAccessibleName(words)
            button.setIcon(icons.icon(name))
            button.clicked.connect(lambda _=False, step=step: self.step_wanted.emit(step))
            self._row.addWidget(button)
        theme.set_tone(self._hits, "muted")

    def add_button(self, button: QWidget) -> None:
        """At the right end."""
        self._row.addWidget(button)

    @property
    def text(self) -> str:
        return self.field.text().strip()

    @property
    def is_waiting(self) -> bool:
        """The text was changed and nobody asked for it yet."""
        return self._wait.isActive()

    def show_hit(self, place: int, total: int) -> None:
        """`place` counts from 1."""
        self._hits.setText(f"{place:,} of {total:,}")

    def show_count(self, total: int) -> None:
        """There are so many, and none was gone to."""
        self._hits.setText(f"{total:,} found")

    def show_nothing(self) -> None:
        self._hits.setText("nothing found" if self.text else "")

    def ask(self) -> None:
        """Do not wait for the pause."""
        self._wait.stop()
        self.wanted.emit(self.text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter in the field; which leaves the key to those around, with its modifiers."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step_wanted.emit(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            super().keyPressEvent(event)
