"""The menu bar, the tool bar and the context menus, made of the actions that features offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QWidget

from ..features.feature import Feature, TableFeature
from ..widgets.action import Action, Submenu, in_place
from ..widgets.table_view import TableView

MENUS = ("&File", "&VMs", "&Cache", "V&iew", "&Engine")
_FAR_END = 900  # from this position on, buttons of the tool bar stand at its far end


def build_menus(window: QMainWindow, features: Sequence[Feature]) -> QToolBar:
    """All that are in the window; returns the tool bar."""
    actions = [action for feature in features for action in feature.actions]
    submenus = [submenu for feature in features for submenu in feature.submenus]
    _build_menu_bar(window, [*actions, *submenus])
    for feature in features:
        if isinstance(feature, TableFeature):
            _build_context_menu(feature.panel.view, feature.panel.name, actions)
    return _build_toolbar(window, actions)


def _build_menu_bar(window: QMainWindow, items: Sequence[Action | Submenu]) -> None:
    for title in MENUS:
        menu = window.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        for item in in_place(title, items):
            if item is None:
                menu.addSeparator()
            elif isinstance(item, QMenu):
                menu.addMenu(item)
            else:
                menu.addAction(item)


def _build_toolbar(window: QMainWindow, actions: Iterable[Action]) -> QToolBar:
    """Few buttons; what cannot be undone is apart, at the far end, and red by the style sheet."""
    bar = QToolBar("Actions", window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(18, 18))
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
    for action in in_place("toolbar", actions):
        if action is None:
            bar.addSeparator()
            continue
        if action.places["toolbar"] >= _FAR_END:
            space = QWidget()
            space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(space)
        bar.addAction(action)
        bar.widgetForAction(action).setObjectName(f"{action.objectName()}-button")
    window.addToolBar(bar)
    return bar


def _build_context_menu(view: TableView, name: str, actions: Iterable[Action]) -> None:
    """`name` is the place of the table."""
    found: list[QAction] = []
    for action in in_place(name, actions):
        if action is None:
            separator = QAction(view)
            separator.setSeparator(True)
            found.append(separator)
        else:
            found.append(action)
    view.add_menu(found)
