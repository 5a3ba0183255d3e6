"""The area of docks under the message bar, and its layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

LAYOUT_VERSION = 2  # saved layouts of another version are not restored


@dataclass(frozen=True)
class Part:
    """One dockable part. `place` is "left", "right", "bottom" or "tabs" (bottom right, one over the other)."""

    name: str
    title: str
    widget: QWidget
    place: str
    icon: str  # its name; see `icons`


class Workspace(QMainWindow):
    """Only docks, no central widget. Top: left and right; bottom: the plots and a stack of tabs."""

    part_seen = Signal(str, bool)  # name of a part, and whether it can be seen now

    def __init__(self, parts: Sequence[Part], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setObjectName("workspace")
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.setAnimated(False)
        self.parts = tuple(parts)
        self.docks: dict[str, QDockWidget] = {}
        self._seen: set[QDockWidget] = set()
        for part in parts:
            dock = QDockWidget(part.title, self)
            dock.setObjectName(part.name)
            dock.setWidget(part.widget)
            dock.visibilityChanged.connect(partial(self._note_seen, dock))
            self.docks[part.name] = dock
        self.reset()

    def reset(self) -> None:
        """Set the default layout."""
        placed: dict[str, QDockWidget] = {}
        for part in self.parts:
            dock = self.docks[part.name]
            dock.setFloating(False)
            self.removeDockWidget(dock)
        for part in self.parts:
            dock = self.docks[part.name]
            self._place(part.place, dock, placed)
            dock.show()
            placed.setdefault(part.place, dock)
        if "tabs" in placed:
            placed["tabs"].raise_()
        self.balance()

    def _place(self, place: str, dock: QDockWidget, placed: dict[str, QDockWidget]) -> None:
        """Everything is in one area, split: with areas of their own the docks could not share heights."""
        area = Qt.DockWidgetArea.TopDockWidgetArea
        if place in placed:
            self.tabifyDockWidget(placed[place], dock)
        elif place == "left" or not placed:
            self.addDockWidget(area, dock)
        elif place == "right":
            self.splitDockWidget(placed["left"], dock, Qt.Orientation.Horizontal)
        elif place == "bottom":
            self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        else:
            self.splitDockWidget(placed["bottom"], dock, Qt.Orientation.Horizontal)

    def balance(self) -> None:
        """Give each row half of the height, and files and plots about three fifths of the width."""
        first = {part.place: self.docks[part.name] for part in reversed(self.parts)}
        if not {"left", "right", "bottom", "tabs"} <= first.keys():
            return
        width, height = max(self.width(), 1), max(self.height(), 1)
        across = Qt.Orientation.Horizontal
        self.resizeDocks([first["left"], first["right"]], [width * 61 // 100, width * 39 // 100], across)
        self.resizeDocks([first["bottom"], first["tabs"]], [width * 54 // 100, width * 46 // 100], across)
        heights = [height * 50 // 100, height * 50 // 100]
        self.resizeDocks([first["left"], first["bottom"]], heights, Qt.Orientation.Vertical)

    def show_part(self, name: str) -> None:
        """Show and raise a dock."""
        self.docks[name].show()
        self.docks[name].raise_()

    def sees(self, name: str) -> bool:
        """Whether a dock is visible. `isVisible` is true for docks behind other tabs, too: Qt moves them aside."""
        return self.docks[name] in self._seen

    def hides(self, widget: QWidget | None) -> bool:
        """Whether a widget is in a dock that is not visible."""
        return any(dock.isAncestorOf(widget) for dock in self.docks.values() if dock not in self._seen and widget)

    def _note_seen(self, dock: QDockWidget, seen: bool) -> None:
        (self._seen.add if seen else self._seen.discard)(dock)
        self.part_seen.emit(dock.objectName(), seen)

    def go(self, name: str) -> None:
        """Show a dock and give it the keyboard focus."""
        self.show_part(name)
        self.docks[name].activateWindow()
        self.docks[name].widget().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def toggle_actions(self) -> list[QAction]:
        """To show and hide docks."""
        return [dock.toggleViewAction() for dock in self.docks.values()]

    def save_layout(self) -> QByteArray:
        return self.saveState(LAYOUT_VERSION)

    def restore_layout(self, state: QByteArray | None) -> bool:
        """Returns False, and changes nothing, if there is none or its version is another."""
        return state is not None and self.restoreState(state, LAYOUT_VERSION)
