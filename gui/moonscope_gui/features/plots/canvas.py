"""One plot over time: curves by pyqtgraph; events and the cross-hair painted over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QGraphicsView, QWidget

from moonscope.model import Mark

from ...widgets import theme
from .axes import ClockAxis
from .charts import Chart
from .marks import Marker, arrange
from .ring import Rows

_AXIS_WIDTH = 62  # the same for all plots, so that plots above each other share their times
_LABEL_ROOM = 1.3  # of the highest value: labels of events stand above the curves
_HEADROOM = 1.1
_DIMMED = 0.35
_TICK = 5  # pixels
_FOOT, _FOOT_PIXELS = 0.04, 8  # of the height, and at least: neither a line at zero nor its label is cut


class Canvas(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Draws the lines of one chart. x is in seconds after `origin`, since those since the epoch lose precision."""

    hovered = Signal(object, QPoint)  # the time under the mouse, or None; and where on the screen the mouse is
    panned = Signal(float, float)  # the user moved the view to these times

    def __init__(self, chart: Chart, labelled: bool, parent: QWidget | None = None) -> None:
        self.chart = chart
        self._clock = ClockAxis("bottom")
        super().__init__(parent, axisItems={"left": chart.axis("left"), "bottom": self._clock})
        self._labelled = labelled
        self._hidden: set[str] = set()
        self._x: Rows = np.empty(0)
        self._y: Rows = np.empty((0, len(chart.lines)))
        self._marks: Sequence[Mark] = ()
        self._cursor: int | None = None
        self._top = 0.0
        self._widths: dict[str, float] = {}  # of label texts, in pixels
        self._curves = [pg.PlotCurveItem(connect="finite", antialias=True) for _ in chart.lines]
        for curve in self._curves:
            self.addItem(curve)
        self._arrange()
        self.restyle()

    def _arrange(self) -> None:
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)  # for drawForeground
        self.setMenuEnabled(False)
        menu = self.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())  # pyqtgraph creates it without a parent
        self.hideButtons()
        self.setMinimumSize(QSize(120, 60))
        self.setFrameShape(self.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it has no use for keys
        self.getAxis("left").setWidth(_AXIS_WIDTH)
        self.view.setDefaultPadding(0)
        self.view.disableAutoRange()
        self.view.sigRangeChangedManually.connect(self._on_panned)
        self.view.sigResized.connect(self._refit)
        self.set_panning(False)

    @property
    def view(self) -> pg.ViewBox:
        return self.getPlotItem().getViewBox()

    @property
    def origin(self) -> float:
        """Seconds since the epoch at x = 0."""
        return self._clock.origin

    @origin.setter
    def origin(self, moment: float) -> None:
        self._clock.origin = moment

    def restyle(self) -> None:
        """Set colours and font from theme and widget."""
        self._font = QFont(self.font())
        self._font.setPointSizeF(max(self._font.pointSizeF() * 0.88, 6.0))
        self._metrics = QFontMetricsF(self._font)
        self._widths.clear()
        self.setBackground(theme.colour("plot-background"))
        self.showGrid(x=True, y=True, alpha=0.16)
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setPen(theme.colour("border"))
            axis.setTextPen(theme.colour("muted"))
            axis.setTickPen(theme.colour("muted"))
            axis.setStyle(tickLength=0, tickTextOffset=5, tickFont=self._font)
        for line, curve in zip(self.chart.lines, self._curves, strict=True):
            colour = theme.colour(line.token)
            curve.setPen(pg.mkPen(colour, width=1.6, style=line.stroke))
            if line.filled:
                curve.setBrush(QColor(colour.red(), colour.green(), colour.blue(), 46))
                curve.setFillLevel(0.0)
        self.viewport().update()

    # What is shown

    def draw(self, window: tuple[float, float], times: Rows, rows: Rows, marks: Sequence[Mark]) -> None:
        """Show the times of `window`: `rows` of a history, whose times are `times`, and the marks among them."""
        self._x, self._y, self._marks = times - self.origin, self.chart.values(rows), marks
        for number, curve in enumerate(self._curves):
            curve.setData(self._x, self._y[:, number])
        self.view.setXRange(window[0] - self.origin, window[1] - self.origin, padding=0)
        self._fit_height()
        self.view.updateMatrix()  # now, because a change during painting causes a second repaint

    def is_shown(self, name: str) -> bool:
        return name not in self._hidden

    def toggle(self, name: str) -> None:
        """Show or hide one line; the axis fits what remains."""
        self._hidden ^= {name}
        for line, curve in zip(self.chart.lines, self._curves, strict=True):
            curve.setVisible(self.is_shown(line.name))
        self._top = 0.0
        self._fit_height()

    def set_dimmed(self, dimmed: bool) -> None:
        """Dim the plot, for data that are no longer updated."""
        for curve in self._curves:
            curve.setOpacity(_DIMMED if dimmed else 1.0)

    def set_panning(self, allowed: bool) -> None:
        self.view.setMouseEnabled(x=allowed, y=False)
        self.setCursor(Qt.CursorShape.OpenHandCursor if allowed else Qt.CursorShape.CrossCursor)

    def show_time_axis(self, shown: bool) -> None:
        """Show or hide the labels of the time axis."""
        self._clock.setStyle(showValues=shown)
        self._clock.setHeight(None if shown else 4)

    def values_at(self, position: int) -> list[float]:
        """The value of each line in the row drawn at `position`."""
        return [float(value) for value in self._y[position]]

    def _fit_height(self) -> None:
        shown = [number for number, line in enumerate(self.chart.lines) if self.is_shown(line.name)]
        low, high = self.view.viewRange()[0]
        visible = self._y[np.searchsorted(self._x, low) : np.searchsorted(self._x, high, side="right"), shown]
        peak = float(np.nanmax(visible)) if visible.size and not np.isnan(visible).all() else 0.0
        room = _LABEL_ROOM if self._labelled else _HEADROOM
        needed = max(peak * room, self.chart.minimum_top)
        if not 0.7 * self._top <= needed <= self._top:  # small changes of the peak do not rescale
            self._top = needed * 1.08
            below = max(_FOOT, _FOOT_PIXELS / max(self.view.height(), 1.0))
            self.view.setYRange(-below * self._top, self._top, padding=0)

    def _refit(self) -> None:
        self._top = 0.0
        self._fit_height()

    # The mouse

    def set_cursor_row(self, position: int | None) -> None:
        """Put the cross-hair on the row drawn at `position`."""
        if position != self._cursor:
            self._cursor = position
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        inside = self.view.sceneBoundingRect().contains(event.position())
        moment = self.view.mapSceneToView(event.position()).x() + self.origin if inside else None
        self.hovered.emit(moment, event.globalPosition().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None, QPoint())

    def _on_panned(self, *_: object) -> None:
        low, high = self.view.viewRange()[0]
        self.panned.emit(low + self.origin, high + self.origin)

    # Over the curves

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        area = self.view.sceneBoundingRect()
        painter.save()
        painter.setClipRect(area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._paint_marks(painter, area)
        self._paint_cursor(painter, area)
        painter.restore()

    def _pixel_of(self, area: QRectF) -> Callable[[float], float]:
        """From seconds after the origin to pixels of the scene."""
        low, high = self.view.viewRange()[0]
        left, scale = area.left(), area.width() / (high - low)
        return lambda x: left + (x - low) * scale

    def _text_width(self, text: str) -> float:
        if text not in self._widths:
            self._widths[text] = self._metrics.horizontalAdvance(text)
        return self._widths[text]

    def _paint_marks(self, painter: QPainter, area: QRectF) -> None:
        """Paint a line for each event; only a tick at the bottom if it is not serious and has no room for a label."""
        pixel, origin = self._pixel_of(area), self.origin
        place = {id(mark): pixel(mark.time - origin) for mark in self._marks}
        visible = [mark for mark in self._marks if area.left() <= place[id(mark)] <= area.right()]
        painter.setFont(self._font)
        markers = arrange(visible, lambda mark: place[id(mark)], self._text_width, area.right() - 4)
        for marker in markers:
            whole = marker.serious or bool(marker.text)
            stroke = Qt.PenStyle.DashLine if whole else Qt.PenStyle.SolidLine
            painter.setPen(QPen(theme.colour("danger" if marker.serious else "mark"), 1, stroke))
            top = area.top() if whole else area.bottom() - _TICK
            painter.drawLine(QPointF(marker.x, top), QPointF(marker.x, area.bottom()))
        for marker in markers if self._labelled else ():
            if marker.text:
                self._paint_label(painter, marker, area.top() + 2)

    def _paint_label(self, painter: QPainter, marker: Marker, top: float) -> None:
        box = QRectF(marker.text_x - 2, top, self._text_width(marker.text) + 4, self._metrics.height())
        painter.fillRect(box, theme.colour("plot-background"))
        painter.setPen(theme.colour("danger" if marker.serious else "mark"))
        painter.drawText(QPointF(marker.text_x, top + self._metrics.ascent()), marker.text)

    def _paint_cursor(self, painter: QPainter, area: QRectF) -> None:
        if self._cursor is None or self._cursor >= len(self._x):
            return
        x = self._pixel_of(area)(self._x[self._cursor])
        painter.setPen(QPen(theme.colour("muted"), 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        for line, value in zip(self.chart.lines, self._y[self._cursor], strict=True):
            if self.is_shown(line.name) and np.isfinite(value):
                painter.setPen(QPen(theme.colour("plot-background"), 1.5))
                painter.setBrush(theme.colour(line.token))
                painter.drawEllipse(QPointF(x, self.view.mapViewToScene(QPointF(0.0, value)).y()), 3.5, 3.5)
