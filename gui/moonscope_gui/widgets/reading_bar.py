"""Above what is being read anew: how far that is, and a way out."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from .elided_label import ElidedLabel

_PATIENCE_MS = 300  # what is read sooner shows no bar


class ReadingBar(QWidget):
    """Hidden unless something is read for a while."""

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ElidedLabel()
        self._progress = QProgressBar(textVisible=False)
        self._progress.setFixedSize(160, 12)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop reading the file")
        self.cancel.clicked.connect(lambda: self.cancel_wanted.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(self._title, 1)
        row.addWidget(self._progress)
        row.addWidget(self.cancel)
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self.show)
        self.hide()

    def start(self, title: str) -> None:
        self._title.setText(f"Reading {title} …")
        self._progress.setRange(0, 0)
        self._patience.start()

    def advance(self, done: int, total: int) -> None:
        """In whatever unit; a total of 0 is not known yet. A part in a thousand, as Qt counts in 32 bits."""
        self._progress.setRange(0, 1000 if total else 0)
        self._progress.setValue(1000 * done // total if total else 0)

    def end(self) -> None:
        self._patience.stop()
        self.hide()
