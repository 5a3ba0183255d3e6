"""Where a file is to be saved, and that it was not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget


def save_chooser(parent: QWidget, title: str, name: str, filters: Sequence[str]) -> QFileDialog:
    """To be connected (`fileSelected`) and opened; it goes when it is closed. `filters` as `CSV (*.csv)`."""
    chooser = QFileDialog(parent, title)
    chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    chooser.setNameFilters(list(filters))
    chooser.selectFile(name)
    return chooser


def tell_not_saved(parent: QWidget, why: str) -> None:
    QMessageBox(QMessageBox.Icon.Warning, "Not saved", why, parent=parent).open()
