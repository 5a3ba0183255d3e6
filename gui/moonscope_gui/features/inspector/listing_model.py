"""The instructions of one prototype as a table; cells are made when they are painted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from moonscope.bytecode import luajit_listing
from moonscope.bytecode.code import jumps_in, lines_in, opcodes_in
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import Instruction, LuaVersion, Prototype

from ...code.operands import Registers
from ...code.spans import Span, child_of, meaning_spans, operand_spans
from ...widgets.formats import tip
from .arrows import Arrows
from .line_groups import LineGroups

Index = QModelIndex | QPersistentModelIndex

JUMPS, PC, LINE, OPCODE, OPERANDS, MEANING = range(6)
_TITLES = (
    ("", "Jumps: from the instruction that jumps to the one it jumps to"),
    ("PC", "Number of the instruction, from 1"),
    ("Line", "In the source"),
    ("Opcode", "What the instruction does"),
    ("Operands", "As luac prints them: registers, constants, upvalues, numbers"),
    ("Meaning", "What the operands stand for. Enter or a click on a link follows a jump or goes to a nested function"),
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_CACHED_CELLS = 2000


class ListingModel(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._set(None, LuaVersion.LUA54)

    def show(self, prototype: Prototype | None, lua: LuaVersion) -> None:
        self.beginResetModel()
        self._set(prototype, lua)
        self.endResetModel()

    def _set(self, prototype: Prototype | None, lua: LuaVersion) -> None:
        self.prototype = prototype
        self.lua = lua
        self.code: Sequence[Instruction] = prototype.code if prototype else ()
        self.arrows = Arrows(jumps_in(self.code), len(self.code))
        self.registers = Registers(prototype.locals if prototype else ())
        self.opcodes = opcodes_in(self.code)
        self._groups = LineGroups(lines_in(self.code))
        self._printed: luajit_listing.Lines | None = None  # of LuaJIT, as soon as a row is copied
        self._cells = lru_cache(_CACHED_CELLS)(self._make_spans)

    # By row

    def spans(self, row: int, column: int) -> list[Span]:
        """The coloured text of a cell."""
        return self._cells(row, column)

    def is_shaded(self, row: int) -> bool:
        """Whether the row is on a darker ground, so that instructions of one line are seen as a group."""
        return self._groups.is_odd(row)

    @property
    def last_line(self) -> int:
        """The largest one; 0 when none is known."""
        return self._groups.last

    def line_at(self, row: int) -> int:
        """The source line of a row; 0 when unknown."""
        return self._groups.line_at(row)

    def rows_of(self, line: int) -> list[int]:
        """The rows that a source line was compiled to in this function."""
        return self._groups.rows_of(line)

    def has_line(self, line: int) -> bool:
        """Whether a source line has instructions in this function."""
        return self._groups.has(line)

    def child_at(self, row: int) -> int | None:
        """The number of the nested function that is made here."""
        return child_of(self.code[row], self.prototype, self.lua) if self.prototype else None

    def target_at(self, row: int) -> int | None:
        """The row that is jumped to from here."""
        target = self.code[row].target
        return target - 1 if target is not None and 0 < target <= len(self.code) else None

    def leads_somewhere(self, row: int) -> bool:
        return self.child_at(row) is not None or self.target_at(row) is not None

    def text_at(self, row: int, column: int) -> str:
        if column == JUMPS:
            return self._jumps(row)
        return "".join(text for text, _ in self.spans(row, column)).strip()

    def texts(self) -> Iterator[str]:
        """Opcode, operands and meaning of each row, as they are shown, for a thread that searches them."""
        return _texts(self.code, self.prototype, self.registers, self.lua)

    def line_of_listing(self, row: int) -> str:
        """One row as luac prints it; of LuaJIT, as `luajit -bl` does."""
        if self.prototype is not None and "jit" in self.lua:
            if self._printed is None:
                self._printed = luajit_listing.lines(self.prototype, DIALECTS[self.lua])
            return self._printed.at(row)
        where = f"[{self.code[row].line or '-'}]"
        cells = [f"\t{row + 1}\t{where}\t{self.code[row].opcode:<9}\t{self.text_at(row, OPERANDS)}"]
        comment = self.code[row].comment
        return "\t; ".join([*cells, comment] if comment else cells)

    def _make_spans(self, row: int, column: int) -> list[Span]:
        instruction = self.code[row]
        if column == PC:
            return [(str(instruction.pc), "muted")]
        if column == LINE:
            return [(str(instruction.line or ""), "muted")]
        if column == OPCODE:
            return [(instruction.opcode, "opcode")]
        if column == OPERANDS:
            return operand_spans(instruction, self.lua)
        if column == MEANING and self.prototype:
            return meaning_spans(instruction, self.prototype, self.registers, self.lua)
        return []

    def _jumps(self, row: int) -> str:
        """For those who cannot see the arrows."""
        arrows = self.arrows.at(row)
        out = [str(arrow.target + 1) for arrow in arrows if arrow.source == row]
        into = [str(arrow.source + 1) for arrow in arrows if arrow.target == row]
        return "; ".join([*(f"jumps to {pc}" for pc in out), *([f"reached from {', '.join(into)}"] if into else [])])

    # QAbstractTableModel

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.code)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.code):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text_at(index.row(), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() in (PC, LINE) else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole and index.column() in (JUMPS, MEANING):
            return tip(self.text_at(index.row(), index.column())) or None
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(_TITLES):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TITLES[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section in (PC, LINE) else _LEFT
        return None


def _texts(
    code: Sequence[Instruction], prototype: Prototype | None, registers: Registers, lua: LuaVersion
) -> Iterator[str]:
    for each in code:
        meaning = meaning_spans(each, prototype, registers, lua) if prototype else []
        cells = ([(each.opcode, "")], operand_spans(each, lua), meaning)
        yield "\n".join("".join(text for text, _ in spans) for spans in cells)
