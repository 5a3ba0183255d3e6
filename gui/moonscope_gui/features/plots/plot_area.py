"""All plots together, with one time axis and one cross-hair."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from .charts import LOAD_RATES, LOAD_TOTALS, MEMORY, VMS
from .history import Column, History
from .marks import Marks
from .panel import Panel
from .readout import ReadOut
from .ring import Rows

_NEAR = 6  # pixels from the mouse to events that are read out
_MINIMUM_SPAN = 10.0  # seconds; what "all" shows at first
_WIDE = 1.4  # width to height from which memory stands beside the others
_VERY_WIDE = 3.2  # … and all stand beside each other
_ACROSS, _DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


class PlotArea(QWidget):
    """Plots `history` and `marks`, which the dock fills. Nothing is drawn while it is hidden."""

    def __init__(self, history: History, marks: Marks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._marks = marks
        self._span: float | None = 120.0
        self._shown = (0.0, _MINIMUM_SPAN)
        self._paused = False
        self._times: Rows = np.empty(0)
        self._hovered: tuple[Panel, float, QPoint] | None = None
        self._panels = [Panel(chart, chart is MEMORY) for chart in (MEMORY, LOAD_RATES, LOAD_TOTALS, VMS)]
        for panel in self._panels:
            panel.canvas.hovered.connect(lambda moment, mouse, panel=panel: self._hover(panel, moment, mouse))
            panel.canvas.panned.connect(self._pan)
        self._all = QSplitter(_DOWN, childrenCollapsible=False)
        self._others = QSplitter(_DOWN, childrenCollapsible=False)
        self._all.addWidget(self._panels[0])
        self._all.addWidget(self._others)
        for panel in self._panels[1:]:
            self._others.addWidget(panel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._all)
        self._read_out = ReadOut(self)
        self.show_totals(False)

    def follow(self, even_paused: bool = False) -> None:
        """Show the end of the history, unless the view is paused."""
        if even_paused or not self._paused:
            self._look_at(self._history.last_time)

    # What is shown

    @property
    def shown_times(self) -> tuple[float, float]:
        """The times at the left and right edge."""
        return self._shown

    def set_span(self, seconds: float | None) -> None:
        """Set how much time is shown, in seconds up to the latest sample (when paused: as of then); None for all."""
        self._span = seconds
        self._look_at(self._shown[1])

    def set_paused(self, paused: bool) -> None:
        """A paused view can be moved and zoomed."""
        self._paused = paused
        for panel in self._panels:
            panel.canvas.set_panning(paused)
        self.follow()

    def set_dimmed(self, dimmed: bool) -> None:
        for panel in self._panels:
            panel.canvas.set_dimmed(dimmed)

    def show_totals(self, totals: bool) -> None:
        """Show loads in total, or else per second."""
        for panel in self._panels:
            if panel.chart in (LOAD_RATES, LOAD_TOTALS):
                panel.setVisible((panel.chart is LOAD_TOTALS) == totals)
        self._show_time_axes()
        self.redraw()

    def visible_rows(self) -> Rows:
        """The rows between the edges, not merged."""
        start, end = self._shown
        rows = self._history.rows(start, end, limit=1 << 31)
        times = rows[:, Column.TIME]
        return rows[(times >= start) & (times <= end)]

    def hide_cursor(self) -> None:
        """Hide the cross-hair, as for a picture."""
        self._hovered = None
        self._update_cursor()

    def _look_at(self, end: float) -> None:
        if not len(self._history):
            self.redraw()
            return
        start = self._history.first_time if self._span is None else end - self._span
        self._shown = (start, max(end, start + _MINIMUM_SPAN))
        self.redraw()

    def redraw(self) -> None:
        if not self.isVisible():
            return
        start, end = self._shown
        panels = [panel for panel in self._panels if not panel.isHidden()]
        rows = self._history.rows(start, end, limit=max(max(panel.width() for panel in panels), 100))
        self._times = rows[:, Column.TIME]
        marks = self._marks.between(start, end)
        for panel in panels:
            panel.canvas.origin = self._history.first_time if len(rows) else 0.0
            panel.draw(self._shown, self._times, rows, marks)
        self._update_cursor()

    def _pan(self, start: float, end: float) -> None:
        self._shown = (start, end)
        self.redraw()

    def _restyle(self) -> None:
        for panel in self._panels:
            panel.restyle()

    # The cross-hair

    def _hover(self, panel: Panel, moment: float | None, mouse: QPoint) -> None:
        self._hovered = None if moment is None else (panel, moment, mouse)
        self._update_cursor()

    def _update_cursor(self) -> None:
        hovered = self._hovered if len(self._times) else None
        position = int(np.abs(self._times - hovered[1]).argmin()) if hovered else None
        for panel in self._panels:
            panel.canvas.set_cursor_row(position)
        if hovered is None or position is None:
            self._read_out.hide()
            return
        panel, moment, mouse = hovered
        near = _NEAR * (self._shown[1] - self._shown[0]) / max(panel.width(), 1)
        marks = self._marks.between(moment - near, moment + near)
        values = panel.read_out(position)
        self._read_out.show_values(self.mapFromGlobal(mouse), float(self._times[position]), values, marks)

    # Layout

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ratio = self.width() / max(self.height(), 1)
        orientations = _ACROSS if ratio > _WIDE else _DOWN, _ACROSS if ratio > _VERY_WIDE else _DOWN
        if orientations != (self._all.orientation(), self._others.orientation()) or not event.oldSize().isValid():
            self._all.setOrientation(orientations[0])
            self._others.setOrientation(orientations[1])
            alike = orientations[0] == orientations[1]
            self._all.setSizes([100, 200] if alike else [100, 100])
            self._show_time_axes()
        self.redraw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange):
            self._restyle()

    def _show_time_axes(self) -> None:
        """Label the time axis of the lowest plot of each column."""
        memory, *others = [panel for panel in self._panels if not panel.isHidden()]
        memory.canvas.show_time_axis(self._all.orientation() == _ACROSS)
        for panel in others:
            panel.canvas.show_time_axis(self._others.orientation() == _ACROSS or panel is others[-1])
