"""What a file does with the globals of the VM that runs it: each place, and what it means for sharing the code."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from moonscope.analysis.values import FileVerdict

from ...code.reasons_model import TONES, ReasonsModel
from ...widgets import theme
from ...widgets.table_view import TableView


class VerdictDialog(QDialog):
    """`name` is that of the file, as the window shows it."""

    place_wanted = Signal(object, int, str)  # the path of a prototype, a source line, a name that it mentions

    def __init__(self, name: str, verdict: FileVerdict, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Globals of {name}")
        self.headline = _words(f"{name} {verdict.verdict}")
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.reason = _words("")
        self.model = ReasonsModel(self)
        self.model.reset_rows(enumerate((*verdict.reasons, *verdict.remarks)))
        self.view = TableView(self.model, "")
        self.view.chosen.connect(lambda: self._explain(self.view.selection.only))
        self.view.opened.connect(self._go)
        self.view.setToolTip("Double-click or Enter shows a line under Prototypes")
        self.resize(620, 440 if self.model.total else 160)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(self.headline)
        layout.addWidget(_words(" ".join(filter(None, (verdict.text, verdict.notice)))))
        if self.model.total:
            layout.addWidget(self.view, 1)
            layout.addWidget(self.reason)
        layout.addWidget(buttons)
        theme.set_tone(self.headline, TONES[verdict.verdict])
        theme.set_tone(self.reason, "muted")
        if self.model.total:
            self.view.select_ids([self.model.id_at(0)])

    def _explain(self, chosen: Hashable | None) -> None:
        found = self.model.find(chosen)
        if found is not None:
            reason = found[1]
            where = f"Line {reason.line:,}, {reason.function}" if reason.line else reason.function
            self.reason.setText(f"{where}: {reason.text}")

    @Slot(object)
    def _go(self, row: Hashable) -> None:
        found = self.model.find(row)
        if found is not None:
            reason = found[1]
            self.accept()
            self.place_wanted.emit(reason.path, reason.line, reason.name.rpartition(".")[2])


def _words(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
