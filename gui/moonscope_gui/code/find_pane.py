"""Searching the text of one listing or source: a bar below it that opens with Ctrl+F and closes with Escape."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from ..link.task import Task, in_thread
from ..widgets.buttons import tool_button
from ..widgets.layouts import stack
from .code_view import CodeView
from .search_bar import SearchBar

_KEYS = QKeySequence.StandardKey


class FindPane(QWidget):
    """Goes from hit to hit as if the user had clicked them, so that whatever follows a click follows here too.

    All rows are looked through off the GUI thread: a source may have hundreds of thousands of them.
    """

    def __init__(self, view: CodeView, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.bar = SearchBar(f"Find in the {what}, whatever the case. Enter and F3: next, Shift: previous", what)
        self._rows: list[int] = []  # that the text was found in, ascending
        self._task = Task(self)
        close = tool_button("✕", "Close (Esc)")
        close.setAccessibleName("Close the search")
        close.clicked.connect(self.close_search)
        self.bar.add_button(close)
        self.bar.hide()
        self.bar.wanted.connect(self._search)
        self.bar.step_wanted.connect(self.step)
        view.add_choice(f"&Find in the {what.capitalize()}… (Ctrl+F)", self.open_search)
        view.model().modelReset.connect(self._search_anew)
        layout = stack(self)
        layout.addWidget(view, 1)
        layout.addWidget(self.bar)
        self.setFocusProxy(view)

    @property
    def is_busy(self) -> bool:
        return self._task.is_running

    def open_search(self) -> None:
        self.bar.show()
        self.bar.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bar.field.selectAll()
        if self.bar.text:
            self.bar.ask()

    @Slot()
    def close_search(self) -> None:
        self._forget()
        self.bar.hide()
        self.view.setFocus()

    @Slot(int)
    def step(self, direction: int) -> None:
        """From the current row to the next hit below (1) or above (-1), around the end."""
        if self.bar.is_waiting:
            self.bar.ask()
        elif self._rows:
            here, rows = self.view.current_row(), self._rows
            self._go(bisect_right(rows, here) if direction > 0 else bisect_left(rows, here) - 1)

    @Slot(str)
    def _search(self, text: str, go: bool = True) -> None:
        """`go`: to the first hit from the current row on."""
        self._forget()
        if not text:
            self.bar.show_nothing()
            return
        pattern = re.compile(re.escape(text), re.IGNORECASE)
        self.view.show_found(pattern)
        self._task.start(in_thread(_rows_with, pattern, self.view.texts()), partial(self._take, go))

    def _take(self, go: bool, rows: list[int]) -> None:
        self._rows = rows
        if not rows:
            self.bar.show_nothing()
        elif go:
            self._go(bisect_left(rows, self.view.current_row()))
        else:
            self.bar.show_count(len(rows))

    def _go(self, at: int) -> None:
        at %= len(self._rows)
        self.bar.show_hit(at + 1, len(self._rows))
        self.view.pick(self._rows[at])

    @Slot()
    def _search_anew(self) -> None:
        """Something else is shown: mark what is found in it, but go nowhere."""
        if self.bar.isVisibleTo(self):
            self._search(self.bar.text, go=False)

    def _forget(self) -> None:
        self._task.drop()
        self._rows = []
        self.view.show_found(None)

    # Keys

    def event(self, event: QEvent) -> bool:
        """Keys of the search are for this one while the focus is in here."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self._means(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = self._means(event)
        if step:
            step()
        else:
            super().keyPressEvent(event)

    def _means(self, event: QKeyEvent) -> partial[None] | None:
        """What a key does here. Ctrl+F once more is for those around, who search all functions."""
        if event.matches(_KEYS.Find):
            return None if self.bar.field.hasFocus() else partial(self.open_search)
        if not self.bar.isVisibleTo(self):
            return None
        for key, step in ((_KEYS.FindNext, 1), (_KEYS.FindPrevious, -1)):
            if event.matches(key):
                return partial(self.step, step)
        return partial(self.close_search) if event.key() == Qt.Key.Key_Escape else None


def _rows_with(pattern: re.Pattern[str], texts: Iterable[str]) -> list[int]:
    return [row for row, text in enumerate(texts) if pattern.search(text)]
