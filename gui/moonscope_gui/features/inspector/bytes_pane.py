"""Where the bytes are: those of the selected function as a bar, those of the file as a treemap."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from moonscope.model import LuaVersion, Prototype, PrototypePath, PrototypeTree

from ...code.byte_bar import ByteBar
from ...code.parts import parts_of
from ...code.prototype_names import name_of
from ...code.shapes import Sizes, shape_of
from ...code.treemap_view import TreemapView
from ...link.task import Task, in_thread
from ...widgets import formats, theme
from ...widgets.buttons import tool_button
from ...widgets.elided_label import ElidedLabel
from ...widgets.picture import picture_button

_NOTE_FROM, _READ_OUT_FROM = 240, 150  # pixels of height


class BytesPane(QWidget):
    picked = Signal(object)  # the path of a prototype
    cache_wanted = Signal()  # a map of the whole cache

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ByteBar()
        self.map = TreemapView()
        self.title = ElidedLabel()
        self.read_out = ElidedLabel()
        self._note = QLabel("Bytes in a 64-bit VM; strings are shared by all functions and not counted", wordWrap=True)
        whole = tool_button("Whole Cache…", "The same map of all cached files")
        whole.clicked.connect(self.cache_wanted)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(whole)
        picture = QWidget()
        shown = QVBoxLayout(picture)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.addWidget(self.bar)
        shown.addWidget(self.map, 1)
        head.addWidget(picture_button(picture, "moonscope-bytes"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.setSpacing(6)
        layout.addLayout(head)
        for widget in (picture, self.read_out, self._note):
            layout.addWidget(widget, 1 if widget is picture else 0)
        self._path: PrototypePath = ()
        self._waiting: PrototypeTree | None = None  # whose sizes are to be summed up
        self._task = Task(self)
        self.map.picked.connect(self.picked)
        self.map.hovered.connect(self._read)
        theme.set_tone(self._note, "muted")

    @property
    def is_busy(self) -> bool:
        return self._task.is_running

    def show_tree(self, tree: PrototypeTree | None) -> None:
        """The map comes as soon as its sizes are summed up, off the GUI thread and not before somebody looks."""
        self._waiting = tree
        self._task.drop()
        self._path = ()
        self._take(None)
        if self.isVisible():
            self._start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low pane the map comes before words."""
        super().resizeEvent(event)
        self._note.setVisible(self.height() >= _NOTE_FROM)
        self.read_out.setVisible(self.height() >= _READ_OUT_FROM)

    def _start(self) -> None:
        tree, self._waiting = self._waiting, None
        if tree is not None:
            self._task.start(in_thread(lambda: Sizes(shape_of(tree))), self._take)

    def show_prototype(self, prototype: Prototype | None, lua: LuaVersion, path: PrototypePath) -> None:
        self._path = path
        self.bar.show_parts(parts_of(prototype, lua) if prototype else ())
        self.title.setText(f"{name_of(prototype)}: {formats.size(prototype.size)}" if prototype else "")
        self.map.select(path)
        self._read(None)

    def _take(self, sizes: Sizes | None) -> None:
        self.map.show_sizes(sizes)
        self.map.select(self._path)
        self._read(None)

    @Slot(object)
    def _read(self, path: PrototypePath | None) -> None:
        """Tell about the function under the pointer, else about the selected one."""
        sizes, path = self.map.sizes, self._path if path is None else path
        self.read_out.setText(sizes.words(path, "the file") if sizes is not None and path in sizes else "")
