"""What a file's code means for sharing it between VMs: a verdict in words, and the lines that it rests on."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from moonscope.analysis.values import FileVerdict, Kind, Reason, Verdict
from moonscope.analysis.verdict import judge
from moonscope.model import PrototypeTree

from ...link.task import Task, in_thread
from ...widgets import theme
from ...widgets.table import Column, TableModel
from ...widgets.table_view import TableView

_TONES = {
    Verdict.SHARES_CLEANLY: "hit",
    Verdict.READS_STATE: "stale",
    Verdict.MAY_WRITE: "stale",
    Verdict.WRITES_GLOBALS: "danger",
    Verdict.NOT_ANALYSED: "muted",
}
_HEADLINES = {
    Verdict.SHARES_CLEANLY: "Shares cleanly",
    Verdict.READS_STATE: "Reads state of its VM",
    Verdict.MAY_WRITE: "May write",
    Verdict.WRITES_GLOBALS: "Writes globals",
    Verdict.NOT_ANALYSED: "Not analysed",
}
_WORDS = {
    Kind.READS_GLOBAL: "reads {}",
    Kind.READS_COMPUTED_GLOBAL: "reads a computed name",
    Kind.READS_ALL_GLOBALS: "reads all globals",
    Kind.HANDS_ON_GLOBALS: "hands on all globals",
    Kind.HANDS_ON_STANDARD: "hands on {}",
    Kind.RUNS_LOADED_CODE: "loads code by {}",
    Kind.REACHES_BEYOND: "uses {}",
    Kind.CHANGES_SETTING: "sets {}",
    Kind.WRITES_GLOBAL: "writes {}",
    Kind.WRITES_COMPUTED_GLOBAL: "writes a computed name",
    Kind.CHANGES_STANDARD: "changes {}",
    Kind.CHANGES_METATABLE: "sets a metatable on the globals",
    Kind.DEFINES_MODULE: "defines the module {}",
    Kind.READS_OTHER_STANDARD: "uses {} of another Lua",
}
_SELECT = "Select a line to go there and to read what it means."


def _short(reason: Reason) -> str:
    return _WORDS.get(reason.kind, "uses {}").format(reason.name or "a computed name")


def _tone(reason: Reason) -> str:
    """That of the verdict that the reason makes; remarks make none."""
    return "muted" if reason.weight == Verdict.SHARES_CLEANLY else _TONES[reason.weight]


Numbered = tuple[int, Reason]

_COLUMNS: tuple[Column[Numbered], ...] = (
    Column("line", "Line", lambda n: n[1].line or None, lambda line: str(line or ""), "In the source", numeric=True,
           width=5),
    Column("what", "What", lambda n: _short(n[1]), tip="Select a reason to go there", width=14, stretch=True,
           tone=lambda n: _tone(n[1]), cell_tip=lambda n: n[1].text),
    Column("function", "Function", lambda n: n[1].function, width=20, rank=1, tone=lambda n: "muted"),
)  # fmt: skip


class ReasonsModel(TableModel[Numbered]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_COLUMNS, parent)

    def row_id(self, row: Numbered) -> Hashable:
        return row[0]


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
        theme.set_tone(self.headline, _TONES[verdict.verdict])
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
