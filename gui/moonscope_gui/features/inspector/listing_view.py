"""The listing: jump arrows, numbers, opcodes, operands and their meaning, with links to click."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from ...code.code_view import PADDING, CodeView
from .arrows import Arrow
from .listing_model import JUMPS, LINE, MEANING, OPCODE, OPERANDS, PC, ListingModel

_LANE, _NARROW_LANE = 7, 4  # pixels between two lanes
_HEAD = 4  # pixels of an arrow's head
_GUTTER = 14  # pixels of the gutter without lanes
_OPCODE_CHARACTERS, _OPERAND_CHARACTERS = 7, 11  # at least, and as a rule
_MEANING_CHARACTERS = 20  # fewer than these, and other columns are hidden instead


class ListingView(CodeView):
    link_clicked = Signal(int)  # row

    def __init__(self, model: ListingModel, parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._listing = model
        self._lane = _LANE
        self._lit: set[Arrow] = set()  # arrows of the current row and of the one under the pointer
        self.setAccessibleName("Listing")
        self.add_choice("&Follow (Enter)", lambda: self.row_opened.emit(self.current_row()))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(True)
        model.modelReset.connect(self._fit)
        model.modelAboutToBeReset.connect(self._lit.clear)
        self.selectionModel().currentRowChanged.connect(self._light)
        self.row_hovered.connect(self._light)

    def text_of(self, row: int) -> str:
        return self._listing.line_of_listing(row)

    def texts(self) -> Iterable[str]:
        return self._listing.texts()

    def ground(self, row: int) -> str:
        return "alternate" if self._listing.is_shaded(row) else "base"

    # Columns

    def _fit(self) -> None:
        digits = len(str(max(len(self._listing.code), 10)))
        lines = len(str(self._listing.last_line))
        widths = {
            JUMPS: float(self._listing.arrows.lanes * _LANE + _GUTTER),
            PC: self._width(max(digits, 3)),
            LINE: self._width(max(lines, 4)),
            OPCODE: self._width(max([_OPCODE_CHARACTERS, *map(len, self._listing.opcodes)])),
            OPERANDS: self._width(_OPERAND_CHARACTERS),
        }
        narrow = sum(widths.values()) + self._width(_MEANING_CHARACTERS) > self.viewport().width()
        self._lane = _NARROW_LANE if narrow else _LANE
        if narrow:
            widths[JUMPS] = self._listing.arrows.lanes * _NARROW_LANE + _GUTTER
            widths[OPERANDS] = self._width(_OPERAND_CHARACTERS - 2)
        self.setColumnHidden(LINE, narrow)
        for column, width in widths.items():
            self.setColumnWidth(column, round(width))

    def _width(self, characters: int) -> float:
        return characters * self.character + 2 * PADDING

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # Painting

    def paint_row(self, painter: QPainter, row: int, room: QRect) -> None:
        listing = self._listing
        for column in (PC, LINE, OPCODE, OPERANDS, MEANING):
            if self.isColumnHidden(column):
                continue
            left, width = self.columnViewportPosition(column) + PADDING, self.columnWidth(column) - 2 * PADDING
            spans = listing.spans(row, column)
            if column in (PC, LINE):
                text = spans[0][0]
                left += max(0, width - round(self.width_of(text)))
            else:
                self.draw_found(painter, left, room.top(), spans, width)
            self.draw_spans(painter, left, room.top(), spans, width)
            if column == MEANING and row == self._hovered and listing.leads_somewhere(row):
                end = left + min(width, round(self.width_of(spans[0][0])))
                painter.drawLine(left, room.bottom() - 2, end, room.bottom() - 2)
        self._paint_arrows(painter, row, room)

    def _paint_arrows(self, painter: QPainter, row: int, room: QRect) -> None:
        arrows = list(self._listing.arrows.across(row))
        lit = [arrow for arrow in self._lit if arrow.first <= row <= arrow.last]
        ends = [arrow for arrow in self._listing.arrows.at(row) if arrow not in arrows]
        for arrow in (*arrows, *ends):
            if arrow not in self._lit:
                self._paint_arrow(painter, arrow, row, room, "loop" if arrow.target < arrow.source else "jump", 1)
        for arrow in lit:
            self._paint_arrow(painter, arrow, row, room, "accent", 2)

    def _paint_arrow(self, painter: QPainter, arrow: Arrow, row: int, room: QRect, token: str, width: int) -> None:
        right = self.columnViewportPosition(JUMPS) + self.columnWidth(JUMPS) - 3
        x = right - _GUTTER + 4 - arrow.lane * self._lane
        middle = room.top() + room.height() // 2
        colour = self.colour(token)
        painter.setPen(QPen(colour, width))
        top = middle if row == arrow.first else room.top()
        bottom = middle if row == arrow.last else room.bottom() + 1
        painter.drawLine(x, top, x, bottom)
        if row == arrow.source:
            painter.drawLine(x, middle, right, middle)
        elif row == arrow.target:
            painter.drawLine(x, middle, right - _HEAD, middle)
            back = right - _HEAD
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            points = [QPointF(right + 1, middle), QPointF(back, middle - _HEAD), QPointF(back, middle + _HEAD)]
            painter.drawPolygon(QPolygonF(points))

    def _light(self) -> None:
        rows = (self.current_row(), self._hovered)
        lit = {arrow for row in rows if row >= 0 for arrow in self._listing.arrows.at(row)}
        if lit != self._lit:
            self._lit = lit
            self.viewport().update()

    # Links

    def _link_at(self, place: QPoint) -> int:
        """The row whose link is at a place, or -1."""
        row = self.rowAt(place.y())
        if row < 0 or self.columnAt(place.x()) != MEANING or not self._listing.leads_somewhere(row):
            return -1
        left = self.columnViewportPosition(MEANING) + PADDING
        return row if left <= place.x() <= left + self.width_of(self._listing.spans(row, MEANING)[0][0]) else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = self._link_at(event.position().toPoint()) >= 0
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        row = self._link_at(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier and len(self.selected_rows()) == 1
        if row >= 0 and plain and event.button() == Qt.MouseButton.LeftButton and row == self.current_row():
            self.link_clicked.emit(row)

    def viewportEvent(self, event: QEvent) -> bool:
        """A tool tip only where text is cut, or on arrows."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            if index.column() == MEANING:
                width = sum(self.width_of(text) for text, _ in self._listing.spans(index.row(), MEANING))
                if width <= self.columnWidth(MEANING) - 2 * PADDING:
                    return True
        return super().viewportEvent(event)
