"""Where the bytes are: those of the selected function as a bar, those of the file as a treemap."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from moonscope.model import LuaVersion, Prototype, PrototypeTree

from .. import theme
from ..models import formats
from ..models.prototype_tree import name_of
from ..views.elided_label import ElidedLabel
from .byte_bar import ByteBar
from .parts import parts_of
from .treemap_cells import Path
from .treemap_view import TreemapView


class BytesPane(QWidget):
    picked = Signal(object)  # the path of a prototype

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ByteBar()
        self.map = TreemapView()
        self.title = ElidedLabel()
        self.read_out = ElidedLabel()
        self._note = QLabel("Bytes in a 64-bit VM; strings are shared by all functions and not counted", wordWrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.setSpacing(6)
        for widget in (self.title, self.bar, self.map, self.read_out, self._note):
            layout.addWidget(widget, 1 if widget is self.map else 0)
        self._path: Path = ()
        self.map.picked.connect(self.picked)
        self.map.hovered.connect(self._read)
        theme.notifier.changed.connect(self._restyle)
        self._restyle()

    def show_tree(self, tree: PrototypeTree | None) -> None:
        self.map.show_tree(tree)
        self._path = ()
        self._read(None)

    def show_prototype(self, prototype: Prototype | None, lua: LuaVersion, path: Path) -> None:
        self._path = path
        self.bar.show_parts(parts_of(prototype, lua) if prototype else ())
        self.title.setText(f"{name_of(prototype)}: {formats.size(prototype.size)}" if prototype else "")
        self.map.select(path)
        self._read(None)

    @Slot(object)
    def _read(self, path: Path | None) -> None:
        """Tell about the function under the pointer, else about the selected one."""
        sizes = self.map.sizes if self.isVisible() else None
        if sizes is None:
            self.read_out.setText("")
            return
        path = self._path if path is None else path
        prototype, total = sizes.prototype(path), sizes.total(path)
        words = [name_of(prototype), f"{formats.size(prototype.size)} of its own"]
        if prototype.children:
            nested = formats.plural(prototype.total - 1, "function")
            words.append(f"{formats.size(total)} with {nested} inside")
        words.append(f"{formats.percent(total / max(sizes.total(()), 1))} of the file")
        self.read_out.setText(" · ".join(words))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read(None)

    def _restyle(self) -> None:
        self._note.setStyleSheet(f"color: {theme.colour('muted').name()}")
