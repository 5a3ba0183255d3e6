"""The whole cache as a treemap: which files and which functions in them take the memory that VMs share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from moonscope.model import PrototypePath

from ...code.byte_bar import ByteBar
from ...code.parts import Part
from ...code.shapes import Shape, Sizes, parts_in
from ...code.treemap_view import TreemapView
from ...link.task import Task, in_thread
from ...widgets import formats, theme
from ...widgets.elided_label import ElidedLabel
from ...widgets.picture import picture_button

_HINT = "A box is a cached file, boxes in it are its functions. Double-click or Enter shows one under Prototypes."
_EMPTY = "Nothing is cached. Load files to see what takes the memory."


class CacheMapDialog(QDialog):
    """The selection survives updates."""

    opened = Signal(int, object)  # a generation, and the path of a prototype in it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Map of the Cache")
        self.resize(980, 720)
        self._order: tuple[int, ...] = ()  # the generation of each box in the outermost one
        self._unread = 0
        self._task = Task(self)
        self.title = QLabel()
        self.bar = ByteBar()
        self.map = TreemapView()
        self.read_out = ElidedLabel()
        self._hint = QLabel(_HINT, wordWrap=True)
        self.map.opened.connect(self._open)
        self.map.picked.connect(self._read)
        self.map.hovered.connect(self._read)
        self._lay_out()
        theme.set_tone(self._hint, "muted")
        self.map.setFocus()

    def _lay_out(self) -> None:
        picture = QWidget()
        shown = QVBoxLayout(picture)
        shown.setContentsMargins(0, 0, 0, 0)
        for widget in (self.title, self.bar, self.map):
            shown.addWidget(widget, 1 if widget is self.map else 0)
        self.export = picture_button(picture, "moonscope-cache", lambda: self.map.select(()))
        foot = QHBoxLayout()
        foot.addWidget(self._hint, 1)
        foot.addWidget(self.export, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.addWidget(picture, 1)
        layout.addWidget(self.read_out)
        layout.addLayout(foot)

    @property
    def is_busy(self) -> bool:
        return self._task.is_running

    def show_shapes(self, shapes: Mapping[int, Shape], unread: int = 0) -> None:
        """Show a box for each generation; for `unread` of them, the functions are not known yet."""
        order, files = tuple(shapes), tuple(shapes.values())
        self._unread = unread
        self._task.start(in_thread(_sum_up, files), partial(self._take, order))

    def _take(self, order: tuple[int, ...], summed: tuple[Sizes, list[Part]]) -> None:
        sizes, parts = summed
        selected = self._renumbered(self.map.selected, order)
        self._order = order
        self.map.show_sizes(sizes if order else None)
        self.map.select(selected if selected in sizes else ())
        self.bar.show_parts(parts)
        words = f"{formats.plural(len(order), 'generation')}, {formats.size(sizes.total(()))} held once for all VMs"
        if self._unread:
            words += f" \N{MIDDLE DOT} reading {formats.plural(self._unread, 'more file')} …"
        self.title.setText(words if order else _EMPTY)
        self._read(None)

    def _renumbered(self, path: PrototypePath, order: tuple[int, ...]) -> PrototypePath:
        """The path of the same box after an update."""
        generation = self._order[path[0]] if path and path[0] < len(self._order) else None
        return (order.index(generation), *path[1:]) if generation in order else ()

    @Slot(object)
    def _read(self, path: PrototypePath | None) -> None:
        """Describe the box under the pointer, else the selected one."""
        sizes, path = self.map.sizes, self.map.selected if path is None else path
        if sizes is None or path not in sizes:
            self.read_out.setText("")
            return
        file = f"{sizes.shape(path[:1]).name}: " if len(path) > 1 else ""
        self.read_out.setText(file + sizes.words(path, "the cache"))

    @Slot(object)
    def _open(self, path: PrototypePath) -> None:
        if path:
            self.opened.emit(self._order[path[0]], path[1:])


def _sum_up(files: tuple[Shape, ...]) -> tuple[Sizes, list[Part]]:
    functions = sum(1 + file.functions for file in files)
    return Sizes(Shape("cache", 0, children=files, functions=functions)), parts_in(files)
