"""What a file's code means for sharing it between VMs: a verdict in words, and the lines that it rests on."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from moonscope.analysis.values import FileVerdict, Verdict
from moonscope.analysis.verdict import judge
from moonscope.model import PrototypeTree

from ...code.reasons_model import TONES, ReasonsModel
from ...link.task import Task, in_thread
from ...widgets import theme
from ...widgets.table_view import TableView

_HEADLINES = {
    Verdict.SHARES_CLEANLY: "Shares cleanly",
    Verdict.READS_STATE: "Reads state of its VM",
    Verdict.MAY_WRITE: "May write",
    Verdict.WRITES_GLOBALS: "Writes globals",
    Verdict.NOT_ANALYSED: "Not analysed",
}
_SELECT = "Select a line to go there and to read what it means."


class SharingPane(QWidget):
    place_wanted = Signal(object, int, str)  # the path of a prototype, a source line, a name that it mentions

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.headline = QLabel()
        self.explanation = QLabel(wordWrap=True)
        self.model = ReasonsModel(self)
        self.view = TableView(self.model, "")
        self.reason = QLabel(wordWrap=True)
        self.verdict: FileVerdict | None = None
        self._waiting: PrototypeTree | None = None  # to be analysed
        self._task = Task(self)
        for label in (self.headline, self.explanation, self.reason):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self.headline.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self.headline.setFont(font)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.setSpacing(6)
        for widget in (self.headline, self.explanation, self.view, self.reason):
            layout.addWidget(widget, 1 if widget is self.view else 0)
        layout.addStretch()  # keeps the words at the top when there is no table
        self.view.chosen.connect(lambda: self._go(self.view.selection.only))
        self.view.opened.connect(self._go)
        theme.set_tone(self.reason, "muted")

    def show_tree(self, tree: PrototypeTree | None) -> None:
        """Analyse a file, off the GUI thread and not before somebody looks, and show what came of it."""
        self.verdict = None
        self._waiting = tree
        self._task.drop()
        self.model.reset_rows()
        self.reason.setText("")
        self.explanation.setText("")
        self.headline.setText("Analysing …" if tree else "")
        theme.set_tone(self.headline, "muted")
        if self.isVisible():
            self._start()

    @property
    def is_busy(self) -> bool:
        return self._task.is_running

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._start()

    def _start(self) -> None:
        tree, self._waiting = self._waiting, None
        if tree is not None:
            self._task.start(in_thread(judge, tree), self._take)

    def _take(self, verdict: FileVerdict) -> None:
        self.verdict = verdict
        self.headline.setText(_HEADLINES[verdict.verdict])
        theme.set_tone(self.headline, TONES[verdict.verdict])
        self.explanation.setText(" ".join(filter(None, (verdict.text, verdict.notice))))
        self.model.reset_rows(enumerate((*verdict.reasons, *verdict.remarks)))
        self.view.setVisible(bool(self.model.total))
        self.reason.setText(_SELECT if self.model.total else "")

    def _go(self, row: Hashable | None) -> None:
        found = self.model.find(row)
        if found is not None:
            reason = found[1]
            self.reason.setText(f"{reason.function}: {reason.text}")
            self.place_wanted.emit(reason.path, reason.line, reason.name.rpartition(".")[2])
