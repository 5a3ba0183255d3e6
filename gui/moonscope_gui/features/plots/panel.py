"""A plot with its title, its legend and the latest values."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from moonscope.model import Mark

from ...widgets import theme
from ...widgets.layouts import stack
from .canvas import Canvas
from .charts import Chart, Line
from .ring import Rows

_STROKES = {Qt.PenStyle.SolidLine: "━━", Qt.PenStyle.DashLine: "╍╍", Qt.PenStyle.DotLine: "┅┅"}
_FIGURE_SPACE = "\N{FIGURE SPACE}"
_VALUE_WIDTH = 7  # characters, so that changing values do not move the legend


class Panel(QWidget):
    """One chart. A click on a name of the legend hides or shows its line.

    pyqtgraph's LegendItem would lie over the curves; it does not wrap and shows no values.
    """

    def __init__(self, chart: Chart, labelled: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chart = chart
        self.canvas = Canvas(chart, labelled)
        self._latest: list[float] | None = None
        self._legend = QLabel(wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self._legend.setContentsMargins(8, 3, 4, 1)
        self._legend.linkActivated.connect(self._toggle)
        self._legend.linkHovered.connect(self._explain)
        layout = stack(self)
        layout.addWidget(self._legend)
        layout.addWidget(self.canvas, 1)
        self._show_legend()

    def draw(self, window: tuple[float, float], times: Rows, rows: Rows, marks: Sequence[Mark]) -> None:
        """See `Canvas.draw`."""
        self.canvas.draw(window, times, rows, marks)
        self._latest = self.canvas.values_at(-1) if len(rows) else None
        self._show_legend()

    def restyle(self) -> None:
        self.canvas.restyle()
        self._show_legend()

    def read_out(self, position: int) -> list[tuple[Line, str]]:
        """Each shown line and its value, in words, in the row drawn at `position`."""
        values = self.canvas.values_at(position)
        return [
            (line, self.chart.format(value) if np.isfinite(value) else "no data")
            for line, value in zip(self.chart.lines, values, strict=True)
            if self.canvas.is_shown(line.name)
        ]

    def _toggle(self, name: str) -> None:
        self.canvas.toggle(name)
        self._show_legend()

    def _explain(self, name: str) -> None:
        line = next((line for line in self.chart.lines if line.name == name), None)
        self._legend.setToolTip(f"{line.name}: {line.tip}. Click to hide or show it." if line else "")

    def _show_legend(self) -> None:
        entries = "  ".join(self._entry(number, line) for number, line in enumerate(self.chart.lines))
        self._legend.setText(f"<b>{escape(self.chart.title).replace(' ', '&nbsp;')}</b>  {entries}")

    def _entry(self, number: int, line: Line) -> str:
        if not self.canvas.is_shown(line.name):
            muted = theme.colour("muted").name()
            return f'<a href="{line.name}" style="color:{muted}"><s>{line.name}</s></a>'
        value = self._latest[number] if self._latest is not None else np.nan
        words = self.chart.format(value) if np.isfinite(value) else "–"
        words = words.replace(" ", "\N{NO-BREAK SPACE}").replace("/", "/\N{WORD JOINER}")
        words = words.ljust(_VALUE_WIDTH, _FIGURE_SPACE)
        colour, text = theme.colour(line.token).name(), theme.colour("text").name()
        return (
            f'<a href="{line.name}" style="color:{colour};text-decoration:none">{_STROKES[line.stroke]}&nbsp;'
            f'{line.name}</a>&nbsp;<span style="color:{text}">{words}</span>'
        )
