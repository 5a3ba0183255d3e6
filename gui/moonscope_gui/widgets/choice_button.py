"""A button that shows which of a few things was chosen, and opens a menu of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget


class ChoiceButton(QToolButton):
    """At first, the first choice is chosen."""

    chosen = Signal(str)  # also if it was chosen before

    def __init__(self, choices: Sequence[str], tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tip)
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self._group = QActionGroup(menu)
        for choice in choices:
            action = self._group.addAction(choice)
            action.setCheckable(True)
            action.triggered.connect(partial(self.choose, choice))
        menu.addActions(self._group.actions())
        self.setMenu(menu)
        self._show(choices[0])

    @property
    def choice(self) -> str:
        action = self._group.checkedAction()
        return action.text() if action is not None else ""

    def choose(self, choice: str) -> None:
        """One of the choices."""
        self._show(choice)
        self.chosen.emit(choice)

    def reset(self) -> None:
        """Go back to the first choice."""
        self.choose(self._group.actions()[0].text())

    def _show(self, choice: str) -> None:
        self.setText(f"{choice} ▾")
        for action in self._group.actions():
            action.setChecked(action.text() == choice)
