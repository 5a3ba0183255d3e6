"""The source of what is shown, or why there is none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from moonscope.model import Prototype

from ...code.find_pane import FindPane
from ...link.task import Task, in_thread
from ...widgets import theme
from ...widgets.layouts import stack
from .source_file import SourceFile
from .source_text import Reading, Source, read_source
from .source_view import SourceModel, SourceView

_NONE = "Where the source is was not told: the chunk did not come from a file."
_CHANGED = (
    "{path} was changed since it was compiled, so its lines need not be those of the listing.\n\n"
    "Load the file anew to see both in step, or look at the source as it is now."
)
_WARNING = "Changed since it was compiled: lines may not be those of the listing."
_OVERTAKEN = {
    "changed": "Changed on disk meanwhile. This is the source that was compiled.",
    "deleted": "Deleted on disk meanwhile. This is the source that was compiled.",
}


class SourcePane(QWidget):
    """Lines are numbered from 1, as instructions name them. Reading happens off the GUI thread."""

    line_picked = Signal(int)
    line_hovered = Signal(int)  # 0: none
    line_opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = SourceModel(self)
        self.view = SourceView(self.model)
        self.finder = FindPane(self.view, "source")
        self._file: SourceFile | None = None
        self._unread = False  # it waits for `read`
        self._changed: Reading | None = None  # held back until the user wants it
        self._is_compiled = True  # what is shown is what was compiled
        self._stale = ""  # "changed" or "deleted": what happened to the file since
        self._line = 0  # to be shown as soon as there is a source
        self._task = Task(self)
        self._lay_out()
        self.view.row_picked.connect(lambda row: self.line_picked.emit(row + 1))
        self.view.row_hovered.connect(lambda row: self.line_hovered.emit(row + 1))
        self.view.row_opened.connect(lambda row: self.line_opened.emit(row + 1))
        theme.set_tone(self.message, "muted")
        theme.set_tone(self.warning, "stale")
        self.clear()

    def _lay_out(self) -> None:
        self.warning = QLabel(wordWrap=True)
        self.warning.setObjectName("warning-band")
        self.warning.hide()
        self.message = QLabel(wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.anyway = QPushButton("Show It as It Is Now")
        self.anyway.clicked.connect(self._show_changed)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.anyway)
        row.addStretch()
        page = QWidget()
        words = QVBoxLayout(page)
        words.setContentsMargins(24, 12, 24, 12)
        words.addStretch()
        words.addWidget(self.message)
        words.addLayout(row)
        words.addStretch()
        shown = QWidget()
        code = stack(shown)
        code.addWidget(self.warning)
        code.addWidget(self.finder)
        self._pages = QStackedWidget()
        self._pages.addWidget(page)
        self._pages.addWidget(shown)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)

    # What is shown

    def clear(self) -> None:
        self._file = None
        self._drop()
        self._say("")

    def show_file(self, file: SourceFile | None, *, at_once: bool = True) -> None:
        """Read and show a file; the one that is shown already is not read again. None: there is no file.

        Not `at_once`: when `read` says so. One thread at a time runs Python, and one that reads makes the GUI thread
        wait at every step of long work.
        """
        if file is not None and file == self._file and self.model.source is not None:
            return
        self._file = file
        self._stale = ""
        if file is None:
            self._drop()
            self._say(_NONE)
            return
        self._say(f"Reading {file.path} …")
        self._task.drop()
        self._unread = True
        if at_once:
            self.read()

    def read(self) -> None:
        """Read the file that waits for it."""
        if self._file is not None and self._unread:
            self._unread = False
            self._task.start(in_thread(read_source, self._file), self._take)

    def _drop(self) -> None:
        self._unread = False
        self._task.drop()

    def show_stale(self, stale: str) -> None:
        """What happened on disk since the file was read: "", "changed" or "deleted"."""
        if stale != self._stale:
            self._stale = stale
            self._warn()

    def show_function(self, prototype: Prototype, has_line: Callable[[int], bool]) -> None:
        """Tell the lines of a function apart, and those that it has instructions for."""
        whole = prototype.line == 0
        extent = range(0) if whole else range(prototype.line - 1, prototype.last_line)
        self.view.show_function(extent, lambda row: has_line(row + 1))

    def mark_line(self, line: int, *, reveal: bool) -> None:
        """Mark the line of the selected instruction; 0 for none."""
        self._line = line
        self.view.set_linked({line - 1} if line else ())
        if reveal and 0 < line <= self.model.rowCount() and self.view.current_row() != line - 1:
            self.view.go_to(line - 1)

    def hint_line(self, line: int) -> None:
        """Mark the line of the instruction under the pointer; 0 for none."""
        self.view.set_hinted({line - 1} if line else ())

    @property
    def compiled_source(self) -> Source | None:
        """The source if it is shown and is what was compiled."""
        return self.model.source if self._is_compiled else None

    @property
    def is_busy(self) -> bool:
        return self._unread or self._task.is_running

    def _take(self, reading: Reading) -> None:
        if reading.changed and self._file is not None:
            self._say(_CHANGED.format(path=self._file.path))
            self._changed = reading
            self.anyway.show()
        elif reading.source is None:
            self._say(reading.trouble)
        else:
            self._show(reading)

    def _show_changed(self) -> None:
        if self._changed is not None:
            self._show(self._changed)
            self.view.setFocus()

    def _show(self, reading: Reading) -> None:
        self._is_compiled = not reading.changed
        self._warn()
        self.model.show(reading.source)
        self._pages.setCurrentIndex(1)
        self.mark_line(self._line, reveal=True)

    def _warn(self) -> None:
        text = _OVERTAKEN.get(self._stale, "") if self._is_compiled else _WARNING
        self.warning.setText(text)
        self.warning.setVisible(bool(text))

    def _say(self, text: str) -> None:
        self._changed = None
        self.anyway.hide()
        self.message.setText(text)
        self.model.show(None)
        self._pages.setCurrentIndex(0)
