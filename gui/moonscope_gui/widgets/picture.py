"""Pictures of widgets (PNG, SVG): copied, or saved to a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from . import icons
from .buttons import tool_button
from .saving import save_chooser, show_save_error


def save_png(widget: QWidget, path: Path) -> None:
    """Save what a widget shows. Raises OSError."""
    if not widget.grab().save(str(path), "PNG"):
        raise OSError(f"{path}: the picture could not be written; is the folder there and writable?")


def save_svg(widget: QWidget, path: Path) -> None:
    """Save what a widget shows as a drawing. Raises OSError."""
    with path.open("wb"):
        pass  # raises OSError; QSvgGenerator reports no error
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setTitle("Moonscope")
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    widget.render(generator)


def picture_button(widget: QWidget, name: str, prepare: Callable[[], object] = lambda: None) -> QToolButton:
    """A button with a menu to copy or save a picture of `widget`. `name` is the suggested file name; `prepare` is
    called before, to hide what follows the mouse."""
    button = tool_button("", "Copy or save the picture")
    button.setAccessibleName("Copy or save the picture")
    button.setIcon(icons.icon("export"))
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    pictures = Pictures(widget, name, prepare, button)
    menu = QMenu(button)
    menu.addAction(icons.icon("copy"), "&Copy Picture", pictures.copy)
    for kind in ("PNG", "SVG"):
        menu.addAction(icons.icon("screenshot"), f"Save Picture as &{kind}…", partial(pictures.choose_file, kind))
    button.setMenu(menu)
    return button


class Pictures(QObject):
    """Copies and saves pictures of one widget."""

    def __init__(self, widget: QWidget, name: str, prepare: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._widget = widget
        self._name = name
        self._prepare = prepare

    def copy(self) -> None:
        self._prepare()
        QGuiApplication.clipboard().setPixmap(self._widget.grab())

    def choose_file(self, kind: str) -> None:
        """`kind`: PNG or SVG."""
        suffix = kind.lower()
        name, filters = f"{self._name}.{suffix}", [f"{kind} (*.{suffix})"]
        chooser = save_chooser(self._widget, "Save the picture", name, filters)
        chooser.setDefaultSuffix(suffix)
        chooser.fileSelected.connect(self.save)
        chooser.open()

    @Slot(str)
    def save(self, name: str) -> None:
        """Save as SVG or PNG, as the suffix says. An error is shown in a message box."""
        path = Path(name)
        self._prepare()
        try:
            (save_svg if path.suffix.lower() == ".svg" else save_png)(self._widget, path)
        except OSError as error:
            show_save_error(self._widget, str(error))
