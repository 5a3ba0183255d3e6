"""The map of the cache: reads one generation after the other while the map is open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot

from moonscope.commands import Inspect
from moonscope.errors import ConnectionLost, MoonscopeError
from moonscope.model import GenerationRow, GenerationState, PrototypePath

from ...link.context import Context
from ...link.task import Steps, Task, in_thread, read
from ..feature import Feature

if TYPE_CHECKING:
    from ...code.shapes import Shape
    from .dialog import CacheMapDialog

_UPDATE_MS = 400  # changes are collected for this long
LARGE = 16 << 20  # bytes of source; larger files are one box: reading them takes seconds and hundreds of megabytes


class CacheMapFeature(Feature):
    """Keeps the sizes of each generation while it is in the cache. Small files are read first."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._dialog: CacheMapDialog | None = None
        self._known: dict[int, Shape | None] = {}  # by generation; None: cannot be read
        self._task = Task(self, context.link)  # one generation after the other
        self._update_timer = QTimer(self, singleShot=True, interval=_UPDATE_MS)
        self._update_timer.timeout.connect(self._show)
        context.link.connected.connect(lambda _: self.forget())
        context.state.generations_changed.connect(self.follow)
        context.map_wanted.connect(self.open)
        self.offer("cache-map", "&Map of the Cache…", "Show which cached files and functions take how many bytes",
                   self.open, {"&Cache": 130}, icon="map", shortcut="Ctrl+M",
                   usable=lambda: bool(context.state.files))  # fmt: skip

    @Slot()
    def open(self) -> None:
        from .dialog import CacheMapDialog

        if self._dialog is None:
            self._dialog = CacheMapDialog(self._context.window)
            self._dialog.opened.connect(self._open_place)
            self._dialog.destroyed.connect(self._closed)
            self._show()
            self._next()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    @Slot()
    def follow(self) -> None:
        """Update the map: generations were added or removed."""
        if self._dialog is not None:
            if not self._update_timer.isActive():
                self._update_timer.start()
            self._next()

    def forget(self) -> None:
        """Forget what is known: another engine is connected."""
        self._task.drop()
        self._known.clear()
        self.follow()

    @Slot()
    def _closed(self) -> None:
        self._dialog = None
        self._update_timer.stop()

    def _unread(self) -> list[GenerationRow]:
        return [row for row in self._rows() if row.id not in self._known and row.source_bytes <= LARGE]

    def _rows(self) -> list[GenerationRow]:
        rows = self._context.state.generations.values()
        return [row for row in rows if row.state is not GenerationState.FREED]

    @Slot()
    def _show(self) -> None:
        from ...code.shapes import file_shape

        if self._dialog is None:
            return
        short = self._context.state.folder.short
        shapes = {}
        for row in self._rows():
            retired = row.state is GenerationState.RETIRED
            name = f"{short(row.key)} (generation {row.id:,}, retired)" if retired else short(row.key)
            shapes[row.id] = file_shape(name, row.shared_bytes, self._known.get(row.id), retired=retired)
        self._known = {id: shape for id, shape in self._known.items() if id in shapes}
        self._dialog.show_shapes({id: shape for id, shape in shapes.items() if shape.size}, len(self._unread()))

    # One after the other

    def _next(self) -> None:
        if self._dialog is None or self._task.is_running or not self._context.link.is_connected:
            return
        row = min(self._unread(), key=lambda row: row.source_bytes, default=None)
        if row is not None:
            self._task.start(_shape(row.id), partial(self._take, row.id), partial(self._give_up, row.id))

    def _give_up(self, generation: int, error: MoonscopeError) -> None:
        if not isinstance(error, ConnectionLost):
            self._take(generation, None)

    def _take(self, generation: int, shape: Shape | None) -> None:
        self._known[generation] = shape
        self.follow()

    @Slot(int, object)
    def _open_place(self, generation: int, path: PrototypePath) -> None:
        row = self._context.state.generations.get(generation)
        if row is not None:
            self._context.place_wanted.emit(row, path, 0, "")


def _shape(generation: int) -> Steps[Shape]:
    from ...code.shapes import shape_of

    tree = yield from read(Inspect(generation=generation))
    return (yield from in_thread(shape_of, tree))
