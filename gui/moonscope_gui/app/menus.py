"""The menu bar, the toolbar and the context menus: where each action is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QWidget

from ..widgets.table_view import TableView
from ..widgets.workspace import Workspace
from .actions import IN_TABLE, Actions

_MENUS = {
    "&File": ("open-folder", "open-files", "recent", "", "inspect-file", "find-closures", "", "export", "copy",
              "find", "", "screenshot", "", "quit"),
    "&VMs": ("spawn", "run-script", "", "load-selected", "load-all", "", "mode", "default", "", "look", "collect",
             "interrupt", "", "close-selected", "close-all"),
    "&Cache": ("compare", "globals", "cache-map", "", "recompile", "old-code", "", "evict", "evict-pattern", "",
               "clear", "", "limits"),
    "V&iew": ("palette", "pause", "", "docks", "", "shown", "reset-layout", "", "theme"),
    "&Engine": ("what-if", "", "restart", "", "about"),
}  # fmt: skip
_SUBMENUS = {
    "mode": ("Cache &Mode of Selected", ("mode-on", "mode-exist", "mode-off")),
    "default": ("&Default Cache Mode", ("default-on", "default-exist", "default-off")),
    "theme": ("&Theme", ("theme-light", "theme-dark", "theme-system")),
}
_TOOLBAR = {
    "open-folder": "Open Folder",
    "spawn": "Spawn VMs",
    "": "",
    "load-all": "Load in All",
    "run-script": "Run Script",
    "collect": "Collect",
    "interrupt": "Interrupt",
    " ": "",
    "pause": "Pause",
}
_FILE_ACTIONS = (
    "load-all",
    "load-selected",
    "",
    "compare",
    "globals",
    "",
    "recompile",
    "old-code",
    "",
    "copy",
    "export",
    "",
    "evict",
    "evict-pattern",
)
_VM_ACTIONS = ("look", "run-script", "load-selected", "", "mode-on", "mode-exist", "mode-off", "", "collect",
               "interrupt", "", "copy", "export", "", "close-selected", "close-all")  # fmt: skip
_GENERATION_ACTIONS = ("holders", "", "copy", "export")
_ROW_ACTIONS = ("copy", "export")

Recent = Callable[[QMenu], None]


def build_menus(window: QMainWindow, actions: Actions, workspace: Workspace, fill_recent: Recent) -> None:
    """`fill_recent` is called whenever the menu opens."""
    for title, keys in _MENUS.items():
        menu = window.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        for key in keys:
            if key == "recent":
                recent = menu.addMenu("Open &Recent")
                recent.aboutToShow.connect(lambda menu=recent: fill_recent(menu))
            elif key == "docks":
                menu.addActions(workspace.go_actions)
            elif key == "shown":
                menu.addMenu("&Parts Shown").addActions(workspace.toggle_actions())
            elif key in _SUBMENUS:
                _add_submenu(menu, actions, *_SUBMENUS[key])
            else:
                _add(menu, actions, key)


def _add(menu: QMenu, actions: Actions, key: str) -> None:
    if key:
        menu.addAction(actions[key])
    else:
        menu.addSeparator()


def _add_submenu(menu: QMenu, actions: Actions, title: str, keys: Sequence[str]) -> None:
    submenu = menu.addMenu(title)
    submenu.setToolTipsVisible(True)
    group = QActionGroup(submenu)
    for key in keys:
        submenu.addAction(actions[key])
        if actions[key].isCheckable():
            group.addAction(actions[key])


def build_toolbar(window: QMainWindow, actions: Actions) -> QToolBar:
    """Few buttons; the one that cannot be undone is red and apart, at the far end."""
    bar = QToolBar("Actions", window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(18, 18))
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
    for key, label in _TOOLBAR.items():
        if not label:
            bar.addSeparator()
            continue
        actions[key].setIconText(label)
        bar.addAction(actions[key])
    space = QWidget()
    space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    bar.addWidget(space)
    actions["clear"].setIconText("Clear Cache")
    bar.addAction(actions["clear"])
    bar.widgetForAction(actions["clear"]).setObjectName("clear-button")  # the style sheet paints it
    window.addToolBar(bar)
    return bar


def build_context_menus(
    actions: Actions, files: TableView, vms: TableView, generations: TableView, log: TableView
) -> None:
    for key in IN_TABLE:
        actions[key].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    for view, keys in (
        (files, _FILE_ACTIONS), (vms, _VM_ACTIONS), (generations, _GENERATION_ACTIONS), (log, _ROW_ACTIONS)
    ):  # fmt: skip
        view.add_menu(_with_separators(view, actions, keys))


def _with_separators(view: TableView, actions: Actions, keys: Sequence[str]) -> list[QAction]:
    found = []
    for key in keys:
        if key:
            found.append(actions[key])
        else:
            separator = QAction(view)
            separator.setSeparator(True)
            found.append(separator)
    return found
