"""What a person does with the window itself: parts shown, layout, theme, palette, pause."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication

from ..features.feature import Feature
from ..link.context import Context
from ..widgets import theme
from ..widgets.command_palette import CommandPalette
from ..widgets.workspace import Workspace

_THEMES = {
    "light": ("&Light", "Dark text on a light ground"),
    "dark": ("&Dark", "Light text on a dark ground"),
    "system": ("As the &System", "Follow the desktop"),
}


class ViewFeature(Feature):
    """The menu View, and Quit. `all_actions` gives what the palette lists."""

    def __init__(
        self,
        context: Context,
        workspace: Workspace,
        reset_layout: Callable[[], object],
        all_actions: Callable[[], Iterable[QAction]],
    ) -> None:
        super().__init__(context)
        self._all_actions = all_actions
        self.offer("palette", "Command &Palette…", "Find any action by its name", self._show_palette, {"V&iew": 110},
                   shortcut="Ctrl+Shift+P", engine=False)
        self._pause = self.offer("pause", "&Pause View", "Freeze what is shown; the engine goes on", self._set_paused,
                                 {"V&iew": 120, "toolbar": 310}, icon="pause", shortcut="F8", engine=False,
                                 checkable=True, button="Pause")
        for number, part in enumerate(workspace.parts, 1):
            self.offer(f"go-{part.name}", part.title, f"Go to {part.title}", partial(workspace.go, part.name),
                       {"V&iew": 200 + number}, icon=part.icon, shortcut=f"Alt+{number}", engine=False)
        self.offer_menu("&Parts Shown", {"V&iew": 310}, workspace.toggle_actions())
        self.offer("reset-layout", "&Reset Layout", "Put all parts of the window back to where they were at first",
                   reset_layout, {"V&iew": 320}, engine=False)
        themes = [
            self.offer(f"theme-{name}", text, tip, lambda _, name=name: self._set_theme(name), {}, icon="theme",
                       engine=False, checkable=True)
            for name, (text, tip) in _THEMES.items()
        ]
        self.offer_menu("&Theme", {"V&iew": 410}, themes)
        themes[list(_THEMES).index(context.settings.theme)].setChecked(True)
        self.offer("quit", "&Quit", "Close the window; its engine ends with it", context.window.close, {"&File": 510},
                   shortcut="Ctrl+Q", engine=False)
        context.link.connected.connect(lambda _: self._go_on())  # fmt: skip

    def _show_palette(self) -> None:
        CommandPalette([action for action in self._all_actions() if action.objectName() != "palette"],
                       self._context.window).show()  # fmt: skip

    def _go_on(self) -> None:
        """What was held belonged to an engine that is gone."""
        if self._pause.isChecked():
            self._pause.trigger()

    def _set_paused(self, paused: bool) -> None:
        self._context.link.set_paused(paused)
        self._context.paused.emit(paused)
        self._context.note("The view is paused; the engine goes on" if paused else "The view goes on")

    def _set_theme(self, name: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._context.settings.theme = name
        theme.apply(app, name)
