"""What listing and source have in common: rows of coloured text in a fixed-width font, marked in step with each other.

Rows are painted in one go instead of cell by cell through a delegate: a page takes a few milliseconds whatever the
number of rows is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPointF,
    QRect,
    QRectF,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from ..widgets import theme
from ..widgets.row_selection import selected_ranges
from .spans import Span

PADDING = 6  # pixels left and right of text in a column
_LEADING = 5  # pixels of a row that are not text
_NEIGHBOURS = 2  # rows that are to be seen above and below one that was brought into sight
_MARK = 3  # pixels of the bar at the left of the current row


class CodeView(QTableView):
    """Marks come as sets of rows: `linked` belong to what is selected, `hinted` to what is under the pointer."""

    row_picked = Signal(int)  # the user made it the current one
    row_hovered = Signal(int)  # -1: the pointer left
    row_opened = Signal(int)  # double-clicked, or Enter was pressed

    def __init__(self, model: QAbstractTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.linked: frozenset[int] = frozenset()
        self.hinted: frozenset[int] = frozenset()
        self._found: re.Pattern[str] | None = None
        self._hovered = -1
        self._quiet = False  # a row is being chosen by the program
        self._colours: dict[str, QColor] = {}
        self.setFont(theme.fixed_font())
        self._measure()
        self._look()
        self.add_choice("&Copy", self.copy_rows)
        self.setModel(model)
        model.modelAboutToBeReset.connect(self._forget_marks)
        self.selectionModel().selectionChanged.connect(self._announce_choice)
        self.doubleClicked.connect(lambda index: self.row_opened.emit(index.row()))

    def _measure(self) -> None:
        metrics = QFontMetricsF(self.font())
        self.character = metrics.horizontalAdvance("0")
        self._metrics = metrics
        self._row_height = round(metrics.height()) + _LEADING
        self._baseline = _LEADING / 2 + metrics.ascent()

    def _look(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(rows.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        rows.setDefaultSectionSize(self._row_height)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setMinimumSectionSize(1)

    def add_choice(self, text: str, call: Callable[[], None]) -> None:
        """Something that a click with the right button offers."""
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        action = QAction(text, self)
        action.triggered.connect(lambda: call())
        self.addAction(action)

    # Rows

    def current_row(self) -> int:
        """-1 for none."""
        return self.currentIndex().row()

    def go_to(self, row: int) -> None:
        """Make a row the current one and bring it into sight, without a signal. -1: none is current."""
        self._quiet = True
        if 0 <= row < self.model().rowCount():
            index = self.model().index(row, 0)
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.reveal(row)
        else:
            self.selectionModel().clear()
        self._quiet = False

    def reveal(self, row: int) -> None:
        """Scroll only when the row or its neighbours are out of sight; then it comes to the middle."""
        top = self.rowViewportPosition(row)
        margin = _NEIGHBOURS * self._row_height
        if top < margin or top + self._row_height + margin > self.viewport().height():
            middle = top - (self.viewport().height() - self._row_height) // 2
            self.verticalScrollBar().setValue(self.verticalScrollBar().value() + middle)

    def pick(self, row: int) -> None:
        """Make a row the current one as if the user had clicked it."""
        self.go_to(row)
        self.row_picked.emit(row)

    def set_linked(self, rows: Iterable[int]) -> None:
        self.linked = frozenset(rows)
        self.viewport().update()

    def set_hinted(self, rows: Iterable[int]) -> None:
        self.hinted = frozenset(rows)
        self.viewport().update()

    def selected_rows(self) -> list[int]:
        ranges = sorted(selected_ranges(self.selectionModel()))
        return [row for first, last in ranges for row in range(first, last + 1)]

    def copy_rows(self) -> None:
        QGuiApplication.clipboard().setText("".join(f"{self.text_of(row)}\n" for row in self.selected_rows()))

    def text_of(self, row: int) -> str:
        """A row as it is copied."""
        raise NotImplementedError

    def texts(self) -> Iterable[str]:
        """What can be searched of each row. Not to be changed by what happens in the view: other threads go over it."""
        raise NotImplementedError

    def show_found(self, pattern: re.Pattern[str] | None) -> None:
        """Mark what a search finds in all rows; None: there is no search."""
        self._found = pattern
        self.viewport().update()

    @Slot()
    def _announce_choice(self) -> None:
        """Several rows are selected to be copied, not to go anywhere."""
        ranges = [] if self._quiet else selected_ranges(self.selectionModel())
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            self.row_picked.emit(ranges[0][0])

    @Slot()
    def _forget_marks(self) -> None:
        self.linked = self.hinted = frozenset()
        self._hovered = -1

    # Painting

    def paint_row(self, painter: QPainter, row: int, room: QRect) -> None:
        """The text of a row; the ground is there already."""
        raise NotImplementedError

    def ground(self, row: int) -> str:
        """The token of an unmarked row's ground."""
        return "base"

    def colour(self, token: str) -> QColor:
        found = self._colours.get(token)
        if found is None:
            found = self._colours[token] = theme.colour(token)
        return found

    def draw_spans(self, painter: QPainter, x: float, top: int, spans: Sequence[Span], room: float) -> None:
        """One line of text from `x`; what does not fit into `room` pixels is cut, with dots."""
        y = top + self._baseline
        end = x + room
        edge = self.viewport().width()
        for text, tone in spans:
            width = self.width_of(text)
            if x + width > end + 0.5:
                fits = max(0, int((end - x) / self.character) - 1)
                text = text[:fits] + "…"
                width = end - x
            painter.setPen(self.colour(tone))
            painter.drawText(QPointF(x, y), text)
            x += width
            if x >= end - 0.5 or x > edge:
                return

    def draw_found(self, painter: QPainter, x: float, top: int, spans: Sequence[Span], room: float) -> None:
        """The ground of what the search found in a line of text; to be painted before the text."""
        if self._found is None:
            return
        text = "".join(text for text, _ in spans)
        painter.setPen(self.colour("stale"))
        for hit in self._found.finditer(text):
            left = self.width_of(text[: hit.start()])
            width = min(self.width_of(hit[0]), room - left)
            if width > 0:
                place = QRectF(x + left, top, width, self._row_height)
                painter.fillRect(place, self.colour("found"))
                painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -1.5))

    def width_of(self, text: str) -> float:
        return self.character * len(text) if text.isascii() else self._metrics.horizontalAdvance(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setFont(self.font())
        area = event.rect()
        painter.fillRect(area, self.colour("base"))
        first, last = self.rowAt(area.top()), self.rowAt(area.bottom())
        if first >= 0:
            last = last if last >= 0 else self.model().rowCount() - 1
            selected = self.selectionModel()
            width = self.viewport().width()
            for row in range(first, last + 1):
                room = QRect(0, self.rowViewportPosition(row), width, self._row_height)
                chosen = selected.isRowSelected(row, QModelIndex())
                self._paint_ground(painter, row, room, chosen)
                self.paint_row(painter, row, room)
        painter.end()

    def _paint_ground(self, painter: QPainter, row: int, room: QRect, chosen: bool) -> None:
        token = self.ground(row)
        if chosen:
            token = "row-current"
        elif row in self.linked:
            token = "row-linked"
        elif row in self.hinted or row == self._hovered:
            token = "row-hover"
        if token != "base":
            painter.fillRect(room, self.colour(token))
        if row == self.currentIndex().row():
            mark = "accent" if self.hasFocus() else "mark"
            painter.fillRect(QRect(room.left(), room.top(), _MARK, room.height()), self.colour(mark))

    @Slot()
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colours.clear()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What was in sight stays in sight."""
        row = self.current_row()
        seen = row >= 0 and -self._row_height < self.rowViewportPosition(row) < event.oldSize().height()
        super().resizeEvent(event)
        if seen:
            self.reveal(row)

    # Pointer and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The buttons for back and forward are for those around."""
        if event.button() in (Qt.MouseButton.BackButton, Qt.MouseButton.ForwardButton):
            event.ignore()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.rowAt(round(event.position().y())))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.viewport().update()
            self.row_hovered.emit(row)

    def event(self, event: QEvent) -> bool:
        """Ctrl+C copies from here, not from the window's tables."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _copies(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _copies(event):
            self.copy_rows()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_opened.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Home and End go through the rows; there are no cells to go through."""
        rows = self.model().rowCount()
        steps = QAbstractItemView.CursorAction
        if rows and action in (steps.MoveHome, steps.MoveEnd):
            return self.model().index(0 if action == steps.MoveHome else rows - 1, 0)
        if action in (steps.MoveLeft, steps.MoveRight):
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() + round(self.character * (8 if action == steps.MoveRight else -8)))
            return self.currentIndex()
        return super().moveCursor(action, modifiers)

    def keyboardSearch(self, search: str) -> None:
        """None: it would look at every cell of every row."""


def _copies(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Copy)
