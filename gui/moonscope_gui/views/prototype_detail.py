"""What one prototype consists of: its listing, constants, upvalues and locals."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from moonscope.model import Prototype

from .. import theme
from ..models import formats
from ..models.prototype_tables import PrototypeTables
from .table_view import TableView

_OPENS = {"CLOSURE"}  # whose last operand is the number of a nested function
_TITLES = {"instructions": "Code", "constants": "Consts", "upvalues": "Upvals", "locals": "Locals"}
_NOTHING = {
    "instructions": "No instructions could be read.",
    "constants": "It refers to no constants.",
    "upvalues": "It captures no variables.",
    "locals": "It has no local variables, or debug information was stripped.",
}


class PrototypeDetail(QWidget):
    """Tabs with one table each."""

    child_wanted = Signal(int)  # the number of a nested function

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prototype: Prototype | None = None
        self._tables = PrototypeTables(self)
        self._views = {
            name: TableView(model, _NOTHING[name])
            for name, model in (
                ("instructions", self._tables.instructions),
                ("constants", self._tables.constants),
                ("upvalues", self._tables.upvalues),
                ("locals", self._tables.locals),
            )
        }
        self.tabs = QTabWidget(documentMode=True)
        for name, view in self._views.items():
            view.setFont(theme.fixed_font())
            self.tabs.addTab(view, _TITLES[name])
        self._views["instructions"].opened.connect(lambda pc: self.go_from(cast(int, pc)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)

    @property
    def prototype(self) -> Prototype | None:
        return self._prototype

    def show_prototype(self, prototype: Prototype | None) -> None:
        if prototype is self._prototype:
            return
        self._prototype = prototype
        self._tables.show(prototype)
        for place, (name, view) in enumerate(self._views.items()):
            view.scrollToTop()
            self.tabs.setTabText(place, f"{_TITLES[name]} {formats.count(view.model().rowCount())}")

    def table(self, name: str) -> TableView:
        """`name`: instructions, constants, upvalues or locals."""
        return self._views[name]

    def go_from(self, pc: int) -> None:
        """Go where an instruction points: to the nested function it makes a closure of, or to the target of a jump."""
        instruction = next((i for i in self._prototype.code if i.pc == pc), None) if self._prototype else None
        if instruction is None:
            return
        if instruction.opcode in _OPENS and instruction.operands:
            self.child_wanted.emit(instruction.operands[-1])
        elif instruction.target is not None:
            view = self._views["instructions"]
            view.select_ids([instruction.target])
            for position in self._tables.instructions.positions([instruction.target]):
                view.scrollTo(self._tables.instructions.index(position, 0))
