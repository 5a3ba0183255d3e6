"""The load log: loads with their outcome and the reason for it."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from moonscope.model import Outcome

from ...widgets.buttons import tool_button
from ...widgets.choice_button import ChoiceButton
from ...widgets.table_panel import TablePanel
from .model import LogModel

_EMPTY = "Nothing was loaded yet."

OUTCOMES = {"All outcomes": None, "Hits": Outcome.HIT, "Misses": Outcome.MISS, "Bypasses": Outcome.BYPASS,
            "Races": Outcome.RACE, "Errors": Outcome.ERROR}  # fmt: skip


class LogDock(TablePanel):
    """Shows what is told of loads: of hits, the first of each file in a VM and each 16th of the others.

    The newest loads are at the end, which is followed until the user scrolls away.
    """

    def __init__(self, model: LogModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "log", "loads", _EMPTY, parent)
        self.outcomes = ChoiceButton(tuple(OUTCOMES), "Show only loads that ended in one way")
        self.outcomes.chosen.connect(self._accept_outcome)
        self.follow = tool_button("Follow", "Keep the newest load in sight", checked=False)
        self.follow.toggled.connect(self._follow)
        self.bar.addWidget(self.outcomes)
        self.bar.addWidget(self.follow)
        self.view.tail_left.connect(lambda: self.follow.setChecked(False))
        self.follow.setChecked(True)

    def show_all(self) -> None:
        super().show_all()
        self.outcomes.reset()

    @Slot(str)
    def _accept_outcome(self, name: str) -> None:
        outcome = OUTCOMES[name]
        self.model.set_accept(None if outcome is None else lambda entry: entry.event.outcome is outcome)

    @Slot(bool)
    def _follow(self, follow: bool) -> None:
        self.view.follow_tail = follow
        if follow:
            self.view.scrollToBottom()
