"""Instructions of two versions beside each other: coloured as in the listing, on a ground where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from ...code.code_view import PADDING, CodeView
from ...code.spans import Span, normal_spans
from .side_by_side import Line, LinesModel

_A_PC, _A, _MARK, _B_PC, _B = range(5)
_LEAST_DIGITS = 4
_CACHED_CELLS = 2000


class DiffView(CodeView):
    """The left side is `LinesModel.sides[0]`; a row has one instruction of each, or of one of them."""

    def __init__(self, model: LinesModel, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._lines = model
        self._placeholder = placeholder
        self._cells = lru_cache(_CACHED_CELLS)(self._make_spans)
        self.setAccessibleName("Instructions of both sides")
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        model.modelReset.connect(self._renew)
        self._renew()

    def texts(self) -> Iterable[str]:
        return [f"{line.a}\n{line.b}" for line in map(self._lines.row_at, range(self._lines.rowCount()))]

    def text_of(self, row: int) -> str:
        line = self._lines.row_at(row)
        return f"{line.a_pc or ''}\t{line.a}\t{line.mark}\t{line.b_pc or ''}\t{line.b}"

    def spans(self, row: int, side: int) -> list[Span]:
        """The coloured text of a side: 0 before, 1 after."""
        return self._cells(row, side)

    def _make_spans(self, row: int, side: int) -> list[Span]:
        line = self._lines.row_at(row)
        pc, (prototype, lua) = (line.a_pc, line.b_pc)[side], self._lines.sides[side]
        return normal_spans(prototype.code[pc - 1], prototype, lua) if pc and prototype else []

    @Slot()
    def _renew(self) -> None:
        self._cells.cache_clear()
        self._fit()

    # Columns

    def _fit(self) -> None:
        digits = max(len(str(self._lines.rowCount())), _LEAST_DIGITS)
        number, mark = round(digits * self.character) + 2 * PADDING, round(2 * self.character) + 2 * PADDING
        side = max(0, self.viewport().width() - 2 * number - mark) // 2
        for column, width in ((_A_PC, number), (_A, side), (_MARK, mark), (_B_PC, number), (_B, side)):
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # Painting

    def paint_row(self, painter: QPainter, row: int, room: QRect) -> None:
        line = self._lines.row_at(row)
        chosen = self.selectionModel().isRowSelected(row)
        for side, (number, text, pc) in enumerate(((_A_PC, _A, line.a_pc), (_B_PC, _B, line.b_pc))):
            if line.mark and not chosen:
                self._paint_side(painter, line, side, room)
            left, width = self._inside(text)
            self.draw_found(painter, left, room.top(), self.spans(row, side), width)
            self.draw_spans(painter, left, room.top(), self.spans(row, side), width)
            if pc:
                left, width = self._inside(number)
                shift = width - self.width_of(str(pc))
                self.draw_spans(painter, left + shift, room.top(), [(str(pc), "muted")], width)
        left, width = self._inside(_MARK)
        self.draw_spans(painter, left, room.top(), [(line.mark, "stale")], width)

    def _paint_side(self, painter: QPainter, line: Line, side: int, room: QRect) -> None:
        """Nothing stands where the other side has more."""
        there = (line.a_pc, line.b_pc)[side]
        token = ("row-removed", "row-added")[side] if there else "raised"
        first, last = ((_A_PC, _A), (_B_PC, _B))[side]
        left = self.columnViewportPosition(first)
        right = self.columnViewportPosition(last) + self.columnWidth(last)
        painter.fillRect(QRect(left, room.top(), right - left, room.height()), self.colour(token))

    def _inside(self, column: int) -> tuple[int, int]:
        """Where the text of a column begins, and the room for it."""
        return self.columnViewportPosition(column) + PADDING, self.columnWidth(column) - 2 * PADDING

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._lines.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.colour("muted"))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._placeholder)
            painter.end()
