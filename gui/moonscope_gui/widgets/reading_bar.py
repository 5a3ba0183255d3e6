"""A progress bar with a Cancel button, for a file that is being read."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from .elided_label import ElidedLabel

_SHOW_AFTER_MS = 300  # shorter work shows no progress


class ReadingBar(QWidget):
    """Shown only if reading takes longer than 300 ms."""

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
        self._show_after = QTimer(self, singleShot=True, interval=_SHOW_AFTER_MS)
        self._show_after.timeout.connect(self.show)
        self.hide()

    def start(self, title: str) -> None:
        self._title.setText(f"Reading {title} …")
        self._progress.setRange(0, 0)
        self._show_after.start()

    def advance(self, done: int, total: int) -> None:
        """Show `done` of `total`, in any unit; a total of 0 is not known yet."""
        self._progress.setRange(0, 1000 if total else 0)  # QProgressBar takes 32 bits, files may be larger
        self._progress.setValue(1000 * done // total if total else 0)

    def end(self) -> None:
        self._show_after.stop()
        self.hide()
