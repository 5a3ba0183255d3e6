"""One prototype from all sides: listing, source, tables, bytes, and what its file means for sharing."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from moonscope.model import LuaVersion, Prototype, PrototypePath, PrototypeTree

from ...code.find_pane import FindPane
from ...code.prototype_names import lines_of, name_of, parameters_of
from ...widgets import formats
from ...widgets.elided_label import ElidedLabel
from ...widgets.layouts import stack
from .bytes_pane import BytesPane
from .entries_view import EntriesView
from .history import Place
from .listing_model import ListingModel
from .listing_view import ListingView
from .panes import Pane, Panes
from .places import pc_of_line, place_of_line, prototype_at
from .sharing_pane import SharingPane
from .source_file import SourceFile
from .source_pane import SourcePane
from .tables import Tables

_TITLES = {"constants": "Constants", "upvalues": "Upvalues", "locals": "Locals"}
_NOTHING = {
    "constants": "It refers to no constants.",
    "upvalues": "It captures no variables.",
    "locals": "It has no local variables, or debug information was stripped.",
}


class Detail(QWidget):
    """Shows what it is told to; where the reader wants to go it says with a signal."""

    place_wanted = Signal(object)  # Place
    row_changed = Signal(object)  # Place: the reader is at another instruction of the same function

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tree: PrototypeTree | None = None
        self._prototype: Prototype | None = None
        self._path: PrototypePath = ()
        self.head = ElidedLabel()
        self.head.setContentsMargins(8, 4, 8, 4)
        self.model = ListingModel(self)
        self.listing = ListingView(self.model)
        self.finder = FindPane(self.listing, "listing")
        self.source = SourcePane()
        self.bytes = BytesPane()
        self.sharing = SharingPane()
        self._tables = Tables(self)
        self._views = {
            "constants": EntriesView(self._tables.constants, _NOTHING["constants"]),
            "upvalues": EntriesView(self._tables.upvalues, _NOTHING["upvalues"]),
            "locals": EntriesView(self._tables.locals, _NOTHING["locals"]),
        }
        tables = [Pane(_TITLES[name], view, "below") for name, view in self._views.items()]
        self.panes = Panes((
            Pane("Listing", self.finder, "main"),
            Pane("Source", self.source, "side"),
            *tables,
            Pane("Bytes", self.bytes, "side"),
            Pane("Sharing", self.sharing, "side"),
        ))  # fmt: skip
        layout = stack(self)
        layout.addWidget(self.head)
        layout.addWidget(self.panes, 1)
        self._connect()

    def _connect(self) -> None:
        self.listing.row_picked.connect(self._pick_row)
        self.listing.row_hovered.connect(self._hint_row)
        self.listing.row_opened.connect(self.follow)
        self.listing.link_clicked.connect(self.follow)
        self.source.line_picked.connect(self._pick_line)
        self.source.line_opened.connect(self._open_line)
        self.source.line_hovered.connect(self._hint_line)
        self.bytes.picked.connect(lambda path: self.place_wanted.emit(Place(path)))
        self.sharing.place_wanted.connect(self._go_to_line)
        self._views["constants"].opened.connect(lambda place: self._next_use("k", cast(int, place)))
        self._views["upvalues"].opened.connect(lambda place: self._next_use("u", cast(int, place)))
        self._views["locals"].opened.connect(lambda place: self._go_to_local(cast(int, place)))

    # What is shown

    @property
    def prototype(self) -> Prototype | None:
        return self._prototype

    @property
    def place(self) -> Place:
        """Where the reader is."""
        return Place(self._path, self.listing.current_row() + 1)

    def table(self, name: str) -> EntriesView:
        """`name`: constants, upvalues or locals."""
        return self._views[name]

    def show_tree(self, tree: PrototypeTree | None, source: SourceFile | None, *, read: bool = True) -> None:
        """Take over a file; `show_prototype` then shows one of its prototypes. None: there is no file any more.
        Without `read` the source waits until its pane is told to read it."""
        self._tree = tree
        self.bytes.show_tree(tree)
        self.sharing.show_tree(tree)
        if tree is None:
            self.source.clear()
            self.show_prototype(None, ())
        else:
            self.source.show_file(source, at_once=read)

    def show_prototype(self, prototype: Prototype | None, path: PrototypePath) -> None:
        lua = self._tree.lua if self._tree else LuaVersion.LUA54
        if prototype is self._prototype and path == self._path and lua is self.model.lua:
            return
        self._prototype, self._path = prototype, path
        self.head.setText(_summary(prototype) if prototype else "")
        self.model.show(prototype, lua)
        self._tables.show(prototype, self.model.registers, lua)
        for name, view in self._views.items():
            view.fill()
            entries = getattr(prototype, name) if prototype else ()
            self.panes.rename(view, f"{_TITLES[name]} {formats.count(len(entries))}")
        self.bytes.show_prototype(prototype, lua, path)
        if prototype is not None:
            self.source.show_function(prototype, self.model.has_line)
            self.source.mark_line(0, reveal=False)
            self.go_to_pc(0)

    def go_to_pc(self, pc: int) -> None:
        """Select an instruction; 0 leads to the beginning of the function and selects none."""
        self.listing.go_to(pc - 1)
        if pc:
            self._link(pc - 1)
        elif self._prototype is not None:
            self.listing.scrollToTop()
            self._tables.light(None)
            self.source.mark_line(self._prototype.line or 1, reveal=True)

    def go_to_text(self, text: str) -> None:
        """Select the first instruction whose meaning has `text` in it, if there is one."""
        needle = text.casefold()
        code = self._prototype.code if self._prototype else ()
        pc = next((each.pc for each in code if needle in each.comment.casefold()), 0)
        if pc:
            self.go_to_pc(pc)

    # Where the reader wants to go

    @Slot(int)
    def follow(self, row: int) -> None:
        """Go where an instruction points: to the nested function it makes a closure of, or to the target of a jump."""
        if not 0 <= row < len(self.model.code):
            return
        child, target = self.model.child_at(row), self.model.target_at(row)
        if child is not None:
            self.place_wanted.emit(Place((*self._path, child)))
        elif target is not None:
            self.place_wanted.emit(Place(self._path, target + 1))

    @Slot(object, int, str)
    def _go_to_line(self, path: PrototypePath, line: int, mention: str) -> None:
        if self._tree is not None:
            prototype = prototype_at(self._tree.root, path)
            self.place_wanted.emit(Place(path, pc_of_line(prototype, line, mention)))

    def _next_use(self, kind: str, place: int) -> None:
        """The next instruction that names a constant or an upvalue, around the end."""
        uses = self._tables.uses(kind, place)
        here = self.listing.current_row() + 1
        if uses:
            self.place_wanted.emit(Place(self._path, next((pc for pc in uses if pc > here), uses[0])))

    def _go_to_local(self, place: int) -> None:
        if self._prototype is not None:
            start = self._prototype.locals[place].start_pc
            self.place_wanted.emit(Place(self._path, min(max(start, 1), len(self._prototype.code))))

    # Listing and source in step

    @Slot(int)
    def _pick_row(self, row: int) -> None:
        self._link(row)
        self.row_changed.emit(Place(self._path, row + 1))

    def _link(self, row: int) -> None:
        line = self.model.line_at(row)
        self.listing.set_linked(self.model.rows_of(line))
        self.source.mark_line(line, reveal=True)
        self._tables.light(self.model.code[row] if 0 <= row < len(self.model.code) else None)

    @Slot(int)
    def _pick_line(self, line: int) -> None:
        """Select what a line was compiled to: in the shown function, else in the innermost one that has it."""
        rows = self.model.rows_of(line)
        if rows:
            self.listing.go_to(rows[0])
            self._link(rows[0])
            self.row_changed.emit(self.place)
        elif self._tree is not None and (place := place_of_line(self._tree.root, line)) is not None:
            self.place_wanted.emit(place)

    @Slot(int)
    def _open_line(self, line: int) -> None:
        """Go to the innermost function that a line belongs to."""
        if self._tree is not None and (place := place_of_line(self._tree.root, line)) is not None:
            self.place_wanted.emit(place)

    @Slot(int)
    def _hint_row(self, row: int) -> None:
        line = self.model.line_at(row)
        self.listing.set_hinted(self.model.rows_of(line))
        self.source.hint_line(line)

    @Slot(int)
    def _hint_line(self, line: int) -> None:
        self.listing.set_hinted(self.model.rows_of(line))


def _summary(prototype: Prototype) -> str:
    lines, parameters = lines_of(prototype), parameters_of(prototype)
    words = [name_of(prototype)]
    words += [f"lines {lines}"] if lines else []
    words += [f"parameters {parameters}"] if parameters else []
    words += [formats.plural(prototype.stack_size, "register"), formats.plural(len(prototype.code), "instruction")]
    return " · ".join([*words, formats.size(prototype.size)])
