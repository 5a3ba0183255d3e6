"""The load log: each load with its outcome and the reason for it."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QToolButton, QWidget

from moonscope.model import Outcome

from ..models.log import LogEntry, LogModel
from ..views.buttons import tool_button
from ..views.table_panel import TablePanel

_EMPTY = "Nothing was loaded yet."


class LogDock(TablePanel):
    """The newest loads are at the end, which is followed until the user scrolls away."""

    def __init__(self, model: LogModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "log", "loads", _EMPTY, parent)
        self.outcomes: dict[Outcome, QToolButton] = {}
        for place, outcome in enumerate(Outcome, start=1):
            tip = f"Show loads that ended as {outcome.value}"
            button = tool_button(outcome.value.capitalize(), tip, checked=True)
            button.toggled.connect(self._choose_outcomes)
            self.outcomes[outcome] = button
            self.bar.insertWidget(place, button)
        self.follow = tool_button("Follow", "Keep the newest load in sight", checked=False)
        self.follow.toggled.connect(self._follow)
        self.bar.addWidget(self.follow)
        self.view.tail_left.connect(lambda: self.follow.setChecked(False))
        self.follow.setChecked(True)

    @Slot()
    def _choose_outcomes(self) -> None:
        wanted = {outcome for outcome, button in self.outcomes.items() if button.isChecked()}

        def accept(entry: LogEntry) -> bool:
            return entry.event.outcome in wanted

        self.model.set_accept(None if len(wanted) == len(Outcome) else accept)

    @Slot(bool)
    def _follow(self, follow: bool) -> None:
        self.view.follow_tail = follow
        if follow:
            self.view.scrollToBottom()
