"""One function in two versions: its instructions beside each other, and the constants that only one of them has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QObject

from moonscope.analysis.normal import normal_texts
from moonscope.analysis.values import Place, PrototypeChange
from moonscope.model import LuaVersion, Prototype, PrototypeTree

from ...widgets import formats
from ...widgets.table import Column, TableModel

_MINUS, _UNEQUAL = "\N{MINUS SIGN}", "\N{NOT EQUAL TO}"


class Line(NamedTuple):
    """One line of a function on both sides; a side that has nothing there has pc 0."""

    number: int
    a_pc: int
    a: str
    b_pc: int
    b: str

    @property
    def mark(self) -> str:
        if self.a_pc and self.b_pc:
            return "" if self.a == self.b else _UNEQUAL
        return _MINUS if self.a_pc else "+"


class Code(NamedTuple):
    """Whose instructions one side shows."""

    prototype: Prototype | None = None
    lua: LuaVersion = LuaVersion.LUA54


def side_by_side(change: PrototypeChange, a: PrototypeTree, b: PrototypeTree) -> list[Line]:
    """The instructions of a matched pair (or of the one that is there), equal ones beside each other."""
    before, after = _texts(_code(change.a, a)), _texts(_code(change.b, b))
    lines: list[Line] = []
    at_a = at_b = 0

    def add(removed: Sequence[str], added: Sequence[str]) -> None:
        nonlocal at_a, at_b
        for place in range(max(len(removed), len(added))):
            here, there = place < len(removed), place < len(added)
            lines.append(Line(
                len(lines),
                at_a + place + 1 if here else 0, removed[place] if here else "",
                at_b + place + 1 if there else 0, added[place] if there else "",
            ))  # fmt: skip
        at_a, at_b = at_a + len(removed), at_b + len(added)

    for hunk in change.hunks:
        add(before[at_a : hunk.a_pc - 1], after[at_b : hunk.b_pc - 1])
        add(hunk.removed, hunk.added)
    add(before[at_a:], after[at_b:])
    return lines


def _code(place: Place | None, tree: PrototypeTree) -> Code:
    if place is None:
        return Code()
    prototype: Prototype = tree.root
    for step in place.path:
        prototype = prototype.children[step]
    return Code(prototype, tree.lua)


def _texts(code: Code) -> list[str]:
    return normal_texts(code.prototype, code.lua) if code.prototype else []


LINES: tuple[Column[Line], ...] = (
    Column("a_pc", "PC", lambda r: r.a_pc or None, formats.count, "Before", numeric=True, width=5),
    Column("a", "Before", lambda r: r.a, stretch=True, cell_tip=lambda r: r.a),
    Column("mark", "", lambda r: r.mark, tip="− removed, + added, ≠ changed"),
    Column("b_pc", "PC", lambda r: r.b_pc or None, formats.count, "After", numeric=True, width=5),
    Column("b", "After", lambda r: r.b, stretch=True, cell_tip=lambda r: r.b),
)


class LinesModel(TableModel[Line]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(LINES, parent)
        self.sides: tuple[Code, Code] = (Code(), Code())

    def row_id(self, row: Line) -> Hashable:
        return row.number

    def show(self, change: PrototypeChange | None, a: PrototypeTree | None, b: PrototypeTree | None) -> None:
        """None: nothing."""
        if change is None or a is None or b is None:
            self.sides = (Code(), Code())
            self.reset_rows()
            return
        self.sides = (_code(change.a, a), _code(change.b, b))
        self.reset_rows(side_by_side(change, a, b))

    def differences(self) -> list[int]:
        """Where stretches begin that differ."""
        marked = [bool(self.row_at(position).mark) for position in range(self.rowCount())]
        return [at for at, mark in enumerate(marked) if mark and (not at or not marked[at - 1])]


class Constant(NamedTuple):
    number: int
    mark: str
    text: str


CONSTANTS: tuple[Column[Constant], ...] = (
    Column("mark", "", lambda r: r.mark, width=2, tone=lambda r: "hit" if r.mark == "+" else "error"),
    Column("constant", "Constant", lambda r: r.text, width=24, stretch=True, tone=lambda r: _tone(r.text),
           cell_tip=lambda r: r.text),
)  # fmt: skip


def _tone(constant: str) -> str:
    if constant.startswith('"'):
        return "string"
    return "keyword" if constant in ("nil", "true", "false") else "number"


class ConstantsModel(TableModel[Constant]):
    """Those that only one side has."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(CONSTANTS, parent)

    def row_id(self, row: Constant) -> Hashable:
        return row.number

    def show(self, change: PrototypeChange | None) -> None:
        removed, added = (change.constants_removed, change.constants_added) if change else ((), ())
        marked = [*((_MINUS, text) for text in removed), *(("+", text) for text in added)]
        self.reset_rows(Constant(number, *each) for number, each in enumerate(marked))
