"""How much the cache of each Lua may store."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from moonscope.commands import SetLimits

_NO_LIMIT = "no limit"
_KIB = 1024
_TEXT = (
    "Over a limit the files that were hit least recently are taken out of the cache, and compiled anew when loaded. "
    "VMs that hold them go on running them: what they keep does not count."
)


class LimitsDialog(QDialog):
    """`accept` gets the command that sets what was chosen."""

    def __init__(
        self, cache_bytes: int, cache_files: int, accept: Callable[[SetLimits], object], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Limits of the cache")
        self.setMinimumWidth(420)
        self._given = cache_bytes
        self.kibibytes = QSpinBox(maximum=2**31 - 1, suffix=" KiB")
        self.kibibytes.setValue(-(-cache_bytes // _KIB))
        self._untouched = self.kibibytes.value()
        self.files = QSpinBox(maximum=2**31 - 1, suffix=" files")
        self.files.setValue(cache_files)
        for field in (self.kibibytes, self.files):
            field.setSpecialValueText(_NO_LIMIT)
            field.setGroupSeparatorShown(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: accept(self.command()))
        form = QFormLayout()
        form.addRow("&Size of each Lua's cache", self.kibibytes)
        form.addRow("&Number of its files", self.files)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(QLabel(_TEXT, wordWrap=True, textFormat=Qt.TextFormat.PlainText))
        layout.addLayout(form)
        layout.addWidget(buttons)

    def command(self) -> SetLimits:
        """A size that was not changed stays as it was to the byte."""
        size = self.kibibytes.value()
        return SetLimits(
            cache_bytes=self._given if size == self._untouched else size * _KIB, cache_files=self.files.value()
        )
