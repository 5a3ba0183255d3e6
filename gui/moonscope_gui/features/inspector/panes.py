"""Tabs that stand beside or below the listing where there is room, and among its own tabs where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QTabWidget, QVBoxLayout, QWidget

BESIDE_FROM = 760  # pixels of width from which source and listing stand side by side
BELOW_FROM = 430  # pixels of height from which the tables stand below the listing


class Pane(NamedTuple):
    title: str
    widget: QWidget
    place: str  # "main", "side" or "below", where there is room


class Panes(QWidget):
    """Three groups of tabs. Which tab is in front is kept when they move."""

    def __init__(self, panes: Sequence[Pane], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panes = tuple(panes)
        self._groups = {place: QTabWidget(documentMode=True) for place in ("main", "side", "below")}
        for group in self._groups.values():
            group.tabBar().setDrawBase(False)
        self._down = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        self._down.addWidget(self._groups["main"])
        self._down.addWidget(self._groups["below"])
        self._across = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self._across.addWidget(self._down)
        self._across.addWidget(self._groups["side"])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._across)
        self._room: tuple[bool, bool] | None = None
        self._arrange(False, False)

    def bring(self, widget: QWidget) -> None:
        """Bring a pane, or the one that a widget is in, to the front of its group."""
        group, place = self._tab_of(widget)
        group.setCurrentIndex(place)

    def title(self, widget: QWidget) -> str:
        group, place = self._tab_of(widget)
        return group.tabText(place)

    def rename(self, widget: QWidget, title: str) -> None:
        group, place = self._tab_of(widget)
        group.setTabText(place, title)

    def _tab_of(self, widget: QWidget) -> tuple[QTabWidget, int]:
        pane = next(pane.widget for pane in self._panes if pane.widget is widget or pane.widget.isAncestorOf(widget))
        group = next(group for group in self._groups.values() if group.indexOf(pane) >= 0)
        return group, group.indexOf(pane)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(self.width() >= BESIDE_FROM, self.height() >= BELOW_FROM)

    def _arrange(self, beside: bool, below: bool) -> None:
        if self._room == (beside, below):
            return
        titles = [self.title(pane.widget) if self._room else pane.title for pane in self._panes]
        self._room = beside, below
        fronts = [group.currentWidget() for group in self._groups.values()]
        focus = self.focusWidget()
        for group in self._groups.values():
            group.clear()
        groups = {"main": "main", "side": "side" if beside else "main", "below": "below" if below else "main"}
        for pane, title in zip(self._panes, titles, strict=True):
            self._groups[groups[pane.place]].addTab(pane.widget, title)
        for group in self._groups.values():
            group.setVisible(group.count() > 0)
        for front in reversed([front for front in fronts if front is not None]):
            self.bring(front)
        if focus is not None:
            focus.setFocus()
        self._share_room()

    def _share_room(self) -> None:
        self._down.setSizes([self.height() * 66 // 100, self.height() * 34 // 100])
        self._across.setSizes([self.width() * 57 // 100, self.width() * 43 // 100])
