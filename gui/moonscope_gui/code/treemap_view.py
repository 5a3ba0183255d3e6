"""A treemap: click to select, double-click or Enter to open, point to read, arrow keys to walk."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEngine, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from moonscope.model import PrototypePath

from ..widgets import theme
from .shapes import Shape, Sizes
from .treemap import Box
from .treemap_cells import TITLE, Cell, lay_out

_STRIPED_FROM = 24.0  # pixels of a box's longer side from which its parts are told apart
_NAMED_FROM = 30.0  # pixels of width from which there is a name


class TreemapView(QWidget):
    """The picture is painted once and kept; marks are painted over it."""

    picked = Signal(object)  # path
    opened = Signal(object)  # path
    hovered = Signal(object)  # the path under the pointer, None for none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sizes: Sizes | None = None
        self._cells: list[Cell] = []
        self._boxes: dict[PrototypePath, Box] = {}
        self._picture: QPixmap | None = None
        self._selected: PrototypePath = ()
        self._hovered: PrototypePath | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Treemap of functions by bytes")

    def sizeHint(self) -> QSize:
        return QSize(240, 160)

    def show_sizes(self, sizes: Sizes | None) -> None:
        """None: nothing. What was selected stays so if it is there."""
        self.sizes = sizes
        self._hovered = None
        self._cells, self._boxes = [], {}
        if sizes is None or self._selected not in sizes:
            self._selected = ()
        self._forget_picture()

    @property
    def selected(self) -> PrototypePath:
        return self._selected

    def select(self, path: PrototypePath) -> None:
        self._selected = path
        self.update()

    def path_at(self, x: float, y: float) -> PrototypePath | None:
        """The innermost function at a place."""
        found = [cell for cell in self._cells if cell.box.contains(x, y)]
        return max(found, key=lambda cell: len(cell.path)).path if found else None

    def box_of(self, path: PrototypePath) -> Box | None:
        """Where a function is, or the innermost one around it that can be seen."""
        while path not in self._boxes:
            if not path:
                return None
            path = path[:-1]
        return self._boxes[path]

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.sizes is None or self.size().isEmpty():
            return
        if self._picture is None:
            self._picture = self._paint_picture()
        painter = QPainter(self)
        if painter.paintEngine().type() == QPaintEngine.Type.SVG:
            self._paint_boxes(painter)  # as shapes; no marks
            return
        painter.drawPixmap(0, 0, self._picture)
        if self._hovered is not None:
            self._mark(painter, self._hovered, "text", 1)
        self._mark(painter, self._selected, "accent", 3 if self.hasFocus() else 2)
        painter.end()

    def _mark(self, painter: QPainter, path: PrototypePath, token: str, width: int) -> None:
        box = self.box_of(path)
        if box is not None:
            painter.setPen(QPen(theme.colour(token), width))
            painter.drawRect(QRectF(*box).adjusted(width / 2, width / 2, -width / 2, -width / 2))

    def _paint_picture(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(theme.colour("window"))
        room = Box(0, 0, self.width(), self.height())
        self._cells = list(lay_out(self.sizes, room)) if self.sizes is not None else []
        self._boxes = {cell.path: cell.box for cell in self._cells if cell.shape is not None}
        painter = QPainter(picture)
        self._paint_boxes(painter)
        painter.end()
        return picture

    def _paint_boxes(self, painter: QPainter) -> None:
        painter.setFont(self.font())
        for cell in self._cells:
            self._paint_cell(painter, cell)

    def _paint_cell(self, painter: QPainter, cell: Cell) -> None:
        frame, shape = QRectF(*cell.box), cell.shape
        if shape is None:
            painter.fillRect(frame.adjusted(0, 0, -1, -1), theme.colour("border"))
            return
        if cell.titled:
            painter.fillRect(frame, theme.colour("raised"))
            self._write(painter, frame.adjusted(4, 0, -4, 0), TITLE, shape.name, shape.tone)
        if cell.own.width:
            self._paint_parts(painter, shape, QRectF(*cell.own).adjusted(0, 0, -1, -1))
        if cell.own.height >= TITLE:
            words, tone = ("itself", "text") if cell.titled else (shape.name, shape.tone)
            self._write(painter, QRectF(*cell.own).adjusted(4, 0, -4, 0), TITLE, words, tone)
        if cell.titled:
            painter.setPen(theme.colour("border"))
            painter.drawRect(frame.adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_parts(self, painter: QPainter, shape: Shape, own: QRectF) -> None:
        """A function's own bytes in stripes along the longer side; the largest part alone when there is no room."""
        if not shape.parts:
            painter.fillRect(own, theme.colour("border"))
            return
        if max(own.width(), own.height()) < _STRIPED_FROM:
            painter.fillRect(own, theme.colour(max(shape.parts, key=lambda part: part.size).token))
            return
        along = own.width() >= own.height()
        total = sum(part.size for part in shape.parts)
        at = 0.0
        for part in shape.parts:
            share = part.size / total
            if along:
                stripe = QRectF(own.left() + at * own.width(), own.top(), share * own.width(), own.height())
            else:
                stripe = QRectF(own.left(), own.top() + at * own.height(), own.width(), share * own.height())
            painter.fillRect(stripe, theme.colour(part.token))
            at += share

    def _write(self, painter: QPainter, room: QRectF, height: float, text: str, token: str) -> None:
        if room.width() < _NAMED_FROM:
            return
        metrics = painter.fontMetrics()
        if metrics.horizontalAdvance(text) > room.width():
            text = text.rsplit("/", 1)[-1]  # of a file, its name
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.setPen(theme.colour(token))
        line = QRectF(room.left(), room.top(), room.width(), height)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._forget_picture()

    def _forget_picture(self) -> None:
        self._picture = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._forget_picture()

    # Pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.path_at(event.position().x(), event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def _hover(self, path: PrototypePath | None) -> None:
        if path != self._hovered:
            self._hovered = path
            self.update()
            self.hovered.emit(path)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        path = self.path_at(event.position().x(), event.position().y())
        if path is not None and event.button() == Qt.MouseButton.LeftButton:
            self._pick(path)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        path = self.path_at(event.position().x(), event.position().y())
        if path is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(path)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        path = self._neighbour(event.key())
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.sizes is not None:
            self.opened.emit(self._selected)
        elif path is None:
            super().keyPressEvent(event)
        else:
            self._pick(path)

    def _neighbour(self, key: int) -> PrototypePath | None:
        """Up: the enclosing function. Down: the largest nested one. Left and right: the next larger and smaller."""
        sizes, here = self.sizes, self._selected
        arrows = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right)
        if sizes is None or here not in sizes or key not in arrows:
            return None
        if key == Qt.Key.Key_Up:
            return here[:-1]
        if key == Qt.Key.Key_Down:
            return next(iter(sizes.children(here)), here)
        siblings = sizes.children(here[:-1]) if here else [here]
        at = siblings.index(here) + (1 if key == Qt.Key.Key_Right else -1)
        return siblings[min(max(at, 0), len(siblings) - 1)]

    def _pick(self, path: PrototypePath) -> None:
        self.select(path)
        self.picked.emit(path)
