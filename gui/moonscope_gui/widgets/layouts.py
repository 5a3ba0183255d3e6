"""Layouts as the window uses them."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


def stack(parent: QWidget) -> QVBoxLayout:
    """The layout of a widget whose children stand below each other, edge to edge."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    return layout
