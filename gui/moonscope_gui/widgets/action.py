"""Actions with their places in menus, tool bar and tables, and with the condition for being enabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypedDict, TypeVar, Unpack

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from . import icons

Places = Mapping[str, int]
"""Position by menu, tool bar or table. In each, a separator stands where the hundreds change."""


class Options(TypedDict, total=False):
    """What an action may have besides."""

    icon: str  # its name, see `icons`
    shortcut: str
    checkable: bool
    in_table: bool  # the shortcut works only in the tables whose menu has the action
    button: str  # text on the tool bar


class Action(QAction):
    """An action that calls `call` when it is triggered; if it is checkable, with the new state."""

    def __init__(
        self,
        parent: QObject,
        key: str,
        text: str,
        tip: str,
        call: Callable[..., object],
        places: Places,
        usable: Callable[[], bool] = lambda: True,
        **options: Unpack[Options],
    ) -> None:
        """`key` is the object name."""
        super().__init__(text, parent)
        self.places = places
        self._usable = usable
        keys = QKeySequence(options.get("shortcut", ""))
        hint = f" ({keys.toString(QKeySequence.SequenceFormat.NativeText)})" if not keys.isEmpty() else ""
        checkable = options.get("checkable", False)
        self.setObjectName(key)
        self.setCheckable(checkable)
        self.setToolTip(tip + hint)
        self.setStatusTip(tip)
        self.setShortcut(keys)
        if "icon" in options:
            self.setIcon(icons.icon(options["icon"]))
        if "button" in options:
            self.setIconText(options["button"])
        if options.get("in_table"):
            self.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.triggered.connect(lambda checked: call(checked) if checkable else call())

    def refresh(self) -> None:
        """Enable or disable it, as `usable` says now."""
        self.setEnabled(self._usable())


class Submenu(QMenu):
    """A submenu: of actions, at most one of which is checked, or of what `fill` adds when it opens."""

    def __init__(
        self,
        parent: QWidget,
        text: str,
        places: Places,
        actions: Iterable[QAction] = (),
        fill: Callable[[QMenu], object] | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.places = places
        self.setToolTipsVisible(True)
        group = QActionGroup(self)
        for action in actions:
            self.addAction(action)
            if action.isCheckable():
                group.addAction(action)
        if fill is not None:
            self.aboutToShow.connect(lambda: fill(self))


Item = TypeVar("Item", Action, Action | Submenu)


def in_place(place: str, items: Iterable[Item]) -> Iterator[Item | None]:
    """The items of a place, in order; None stands for a separator."""
    section: int | None = None
    for item in sorted((item for item in items if place in item.places), key=lambda item: item.places[place]):
        if section not in (None, item.places[place] // 100):
            yield None
        section = item.places[place] // 100
        yield item
