"""Two versions of code side by side: changes of each function, and where its instructions differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from moonscope.analysis.compare import compare
from moonscope.analysis.values import Comparison, Match
from moonscope.commands import Inspect, InspectFile
from moonscope.errors import MoonscopeError
from moonscope.model import PrototypeTree

from ...code.find_pane import FindPane
from ...link.task import Task, in_thread
from ...widgets import icons, theme
from ...widgets.buttons import tool_button
from ...widgets.cell_delegate import code_font
from ...widgets.elided_label import ElidedLabel
from ...widgets.table_view import TableView
from .changes_model import ChangesModel, Numbered, side_words, summary
from .diff_view import DiffView
from .side_by_side import ConstantsModel, LinesModel


@dataclass(frozen=True)
class Subject:
    """One thing that can be compared, and how to get its prototypes."""

    title: str
    command: Inspect | InspectFile


Take = Callable[[Subject, PrototypeTree], object]
Fail = Callable[[Subject, MoonscopeError], object]
Fetch = Callable[[Subject, Take, Fail], object]


class CompareDialog(QDialog):
    """`first` and `second` are indexes in `subjects`; `fetch` reads the prototypes of one."""

    def __init__(
        self, subjects: Sequence[Subject], first: int, second: int, fetch: Fetch, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Compare")
        self.resize(1040, 720)
        self._subjects = subjects
        self._fetch = fetch
        self._trees: dict[Subject, PrototypeTree] = {}
        self._task = Task(self)
        self.comparison: Comparison | None = None
        self.before, self.after = self._choice(first), self._choice(second)
        self._sizes = (ElidedLabel(), ElidedLabel())
        self.summary = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self.notice = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.changes, self.lines, self.constants = ChangesModel(self), LinesModel(self), ConstantsModel(self)
        self.functions = TableView(self.changes, "")
        self.code = DiffView(self.lines, "Select a function to see its instructions.")
        self.finder = FindPane(self.code, "instructions")
        self.constants_view = TableView(self.constants, "Both sides use the same constants.")
        self.constants_view.setFont(code_font())
        self.hide_same = QCheckBox("Hide what is the same")
        self.hide_same.setChecked(True)
        self.hide_same.toggled.connect(self._choose_rows)
        self.functions.chosen.connect(lambda: self._show_function(self.functions.selection.only))
        self._lay_out()
        for label in self._sizes:
            theme.set_tone(label, "muted")
        theme.set_tone(self.notice, "stale")
        self._ask()

    # Both sides

    def _choice(self, chosen: int) -> QComboBox:
        box = QComboBox()
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for subject in self._subjects:
            box.addItem(subject.title)
        box.setCurrentIndex(chosen)
        box.currentIndexChanged.connect(self._ask)
        return box

    def _sides(self) -> tuple[Subject, Subject]:
        return self._subjects[self.before.currentIndex()], self._subjects[self.after.currentIndex()]

    @Slot()
    def swap(self) -> None:
        first, second = self.before.currentIndex(), self.after.currentIndex()
        self.before.setCurrentIndex(second)
        self.after.setCurrentIndex(first)

    @Slot()
    def _ask(self) -> None:
        """Get what is missing, then compare."""
        self._show(None)
        sides = self._sides()
        missing = next((side for side in sides if side not in self._trees), None)
        if missing is not None:
            self.summary.setText(f"Reading {missing.title} …")
            self._fetch(missing, self._take, self._fail)
            return
        self.summary.setText("Comparing …")
        self._task.start(in_thread(compare, *(self._trees[side] for side in sides)), self._show)

    def _take(self, subject: Subject, tree: PrototypeTree) -> None:
        self._trees[subject] = tree
        if subject in self._sides():
            self._ask()

    def _fail(self, subject: Subject, error: MoonscopeError) -> None:
        if subject in self._sides():
            self.summary.setText("There is nothing to compare.")
            self._show_notice(f"{subject.title}: {error}")

    # The comparison

    def _show(self, comparison: Comparison | None) -> None:
        self._task.drop()
        self.comparison = comparison
        self.changes.show(comparison)
        for label, side in zip(self._sizes, (comparison.a, comparison.b) if comparison else (None, None), strict=True):
            label.setText(side_words(side) if side else "")
        self._show_notice(comparison.notice if comparison else "")
        if comparison is None:
            self._show_function(None)
            return
        same = comparison.count(Match.SAME) == len(comparison.changes)
        self.summary.setText("Both sides are the same." if same else summary(comparison))
        self.hide_same.setEnabled(not same)
        self._choose_rows()
        if self.changes.rowCount():
            self.functions.select_ids([self.changes.id_at(0)])

    def _show_notice(self, notice: str) -> None:
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    @Slot()
    def _choose_rows(self) -> None:
        hide = self.hide_same.isChecked() and self.hide_same.isEnabled()
        self.changes.set_accept(_differs if hide else None)

    def _show_function(self, chosen: Hashable | None) -> None:
        row = self.changes.find(chosen)
        change = row.change if row else None
        before, after = (self._trees.get(side) for side in self._sides())
        self.lines.show(change, before, after)
        self.constants.show(change)
        total = self.constants.rowCount()
        self._tabs.setTabText(1, f"Constants {total:,}" if total else "Constants")
        places = self.lines.differences()
        self._ways.setEnabled(bool(places))
        if places:
            self._go(places[0])

    def step(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) stretch of instructions that differs, around the end."""
        places = self.lines.differences()
        if not places:
            return
        now = self.code.currentIndex().row()
        if direction > 0:
            place = next((place for place in places if place > now), places[0])
        else:
            place = next((place for place in reversed(places) if place < now), places[-1])
        self._tabs.setCurrentWidget(self.finder)
        self._go(place)

    def _go(self, place: int) -> None:
        self.code.go_to(place)

    # Layout

    def _lay_out(self) -> None:
        turn = tool_button("⇄", "Exchange both sides")
        turn.clicked.connect(self.swap)
        head = QHBoxLayout()
        for place, (title, box, label) in enumerate(
            (("Before", self.before, self._sizes[0]), ("After", self.after, self._sizes[1]))
        ):
            box.setToolTip(title)
            column = QVBoxLayout()
            column.addWidget(box)
            column.addWidget(label)
            if place:
                head.addWidget(turn, 0, Qt.AlignmentFlag.AlignTop)
            head.addLayout(column, 1)
        line = QHBoxLayout()
        line.addWidget(self.summary, 1)
        line.addWidget(self.hide_same)
        self._tabs = QTabWidget()
        self._tabs.addTab(self.finder, "Instructions")
        self._tabs.addTab(self.constants_view, "Constants")
        self._tabs.setCornerWidget(self._step_buttons())
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(self.functions)
        splitter.addWidget(self._tabs)
        splitter.setSizes([180, 460])
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addLayout(line)
        layout.addWidget(self.notice)
        layout.addWidget(splitter, 1)

    def _step_buttons(self) -> QWidget:
        self._ways = QWidget()
        row = QHBoxLayout(self._ways)
        row.setContentsMargins(0, 0, 4, 0)
        for icon, words, keys, direction in (
            ("previous", "The previous difference", "Shift+F8", -1), ("next", "The next difference", "F8", 1)
        ):  # fmt: skip
            button = tool_button("", f"{words} ({keys})")
            button.setAccessibleName(words)
            button.setIcon(icons.icon(icon))
            button.clicked.connect(partial(self.step, direction))
            row.addWidget(button)
            QShortcut(QKeySequence(keys), self).activated.connect(partial(self.step, direction))
        return self._ways


def _differs(row: Numbered) -> bool:
    return row.change.match is not Match.SAME
