"""What a feature is to the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Unpack

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from ..link.context import Context
from ..state.settings import WindowSettings
from ..widgets.action import Action, Options, Places, Submenu
from ..widgets.table_panel import TablePanel
from ..widgets.workspace import Part


class Feature(QObject):
    """One thing a person does: its actions, and the part of the window where it is seen, if it has one.

    Menus, the tool bar, context menus and the palette are made of the actions of all features. A new feature is a
    folder with a class of this kind that is named in `features/__init__.py`.
    """

    part: Part | None = None

    def __init__(self, context: Context) -> None:
        super().__init__(context.window)
        self._context = context
        self.actions: list[Action] = []
        self.submenus: list[Submenu] = []

    def offer(
        self,
        key: str,
        text: str,
        tip: str,
        call: Callable[..., object],
        places: Places,
        *,
        usable: Callable[[], bool] = lambda: True,
        engine: bool = True,
        **options: Unpack[Options],
    ) -> Action:
        """Add an action; see `Action`. Unless `engine` is false it needs a connection."""
        link = self._context.link
        usable_now = (lambda: link.is_connected and usable()) if engine else usable
        action = Action(self, key, text, tip, call, places, usable_now, **options)
        self.actions.append(action)
        return action

    def offer_menu(
        self, text: str, places: Places, actions: Iterable[QAction] = (), fill: Callable[[QMenu], object] | None = None
    ) -> None:
        """Add a menu within others; see `Submenu`."""
        self.submenus.append(Submenu(self._context.window, text, places, actions, fill))

    def restore_layout(self, settings: WindowSettings) -> None:
        """As it was when the window was closed."""

    def save_layout(self, settings: WindowSettings) -> None:
        """The window closes."""

    def reset_layout(self) -> None:
        """As at the first start."""


class TableFeature(Feature):
    """One whose part is a table."""

    def __init__(self, context: Context, panel: TablePanel) -> None:
        super().__init__(context)
        self.panel = panel
        panel.view.chosen.connect(context.selection_changed)
        context.engine_changed.connect(panel.set_connected)

    def restore_layout(self, settings: WindowSettings) -> None:
        self.panel.view.restore_columns(settings.layout(f"header-{self.panel.name}"))

    def save_layout(self, settings: WindowSettings) -> None:
        columns = self.panel.view.save_columns()
        if columns is not None:
            settings.set_layout(f"header-{self.panel.name}", columns)

    def reset_layout(self) -> None:
        self.panel.view.restore_columns(None)
