"""Copy and export of what is shown: the menu, the file dialog, and writing off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from moonscope.model import Prototype, PrototypeTree

from ...link.task import Task, in_thread
from ...widgets import icons
from ...widgets.buttons import tool_button
from ...widgets.saving import save_chooser, show_save_error
from .export_html import as_html
from .export_text import as_json, as_listing
from .source_text import Source

Shown = tuple[PrototypeTree, Prototype, Source | None]
"""The file, the selected function, and the source when it is what was compiled."""

_FILTERS = ("Listing as luac prints it (*.txt)", "JSON (*.json)", "Web page (*.html)")


def export_button(parent: QWidget, shown: Callable[[], Shown | None]) -> QToolButton:
    """A button with a menu for the selected function and all nested ones; `shown` tells what that is."""
    button = tool_button("", "Copy or export the selected function with all nested ones")
    button.setIcon(icons.icon("export"))
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    exports = Exports(parent, shown)
    menu = QMenu(button)
    menu.addAction("Copy &Listing", exports.copy_listing)
    menu.addAction("Copy as &JSON", exports.copy_json)
    menu.addAction("&Export…", exports.choose_file)
    button.setMenu(menu)
    return button


class Exports(QObject):
    def __init__(self, parent: QWidget, shown: Callable[[], Shown | None]) -> None:
        super().__init__(parent)
        self._task = Task(self)
        self._window = parent
        self._shown = shown

    @property
    def is_busy(self) -> bool:
        return self._task.is_running

    def copy_listing(self) -> None:
        if shown := self._shown():
            QGuiApplication.clipboard().setText(as_listing(shown[0], shown[1]))

    def copy_json(self) -> None:
        if shown := self._shown():
            QGuiApplication.clipboard().setText(as_json(shown[1]))

    def choose_file(self) -> None:
        chooser = save_chooser(self._window, "Export the selected function", "function.txt", _FILTERS)
        chooser.fileSelected.connect(self.save)
        chooser.open()

    @Slot(str)
    def save(self, name: str) -> None:
        """Write what is shown; the ending of the name decides how. A failure is told in a box."""
        if shown := self._shown():
            self._task.start(in_thread(write, Path(name), *shown), self._tell)

    def _tell(self, failure: str) -> None:
        if failure:
            show_save_error(self._window, failure)


def write(path: Path, tree: PrototypeTree, prototype: Prototype, source: Source | None) -> str:
    """Write .html, .json or, for any other ending, a listing. Returns why it failed, "" when it did not."""
    ending = path.suffix.lower()
    if ending in (".html", ".htm"):
        text = as_html(tree, prototype, source)
    else:
        text = as_json(prototype) if ending == ".json" else as_listing(tree, prototype)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"{path} was not written: {error.strerror or error}."
    return ""
