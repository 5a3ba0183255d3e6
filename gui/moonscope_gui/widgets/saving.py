"""The dialog for saving a file, and the message that it failed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget


def save_chooser(parent: QWidget, title: str, name: str, filters: Sequence[str]) -> QFileDialog:
    """A dialog to connect to (`fileSelected`) and to open; deleted when closed. `filters` are as `CSV (*.csv)`."""
    chooser = QFileDialog(parent, title)
    chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    chooser.setNameFilters(list(filters))
    chooser.selectFile(name)
    return chooser


def show_save_error(parent: QWidget, why: str) -> None:
    QMessageBox(QMessageBox.Icon.Warning, "Not saved", why, parent=parent).open()
