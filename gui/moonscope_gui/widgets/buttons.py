"""Buttons of the kinds the window uses."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QToolButton, QWidget


def tool_button(text: str, tip: str = "", *, checked: bool | None = None) -> QToolButton:
    """A flat button with text; checkable if `checked` is not None."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAutoRaise(True)
    if checked is not None:
        button.setCheckable(True)
        button.setChecked(checked)
    return button


class DangerButton(QPushButton):
    """A button for what cannot be undone; the style sheet makes it red."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAutoDefault(False)
