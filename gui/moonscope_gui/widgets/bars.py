"""A chart of horizontal bars with their values, in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from . import theme

_MARGIN = 12.0
_GAP = 4.0  # pixels between bars
_GROUP_GAP = 14.0


@dataclass(frozen=True)
class Bar:
    """`token` is its colour in the theme; the value is None if it is not known."""

    name: str
    value: float | None
    token: str


@dataclass(frozen=True)
class Group:
    """Bars on a common scale, which begins at 0. `format` gives the text of a value."""

    title: str
    bars: Sequence[Bar]
    format: Callable[[float], str]


class BarChart(QWidget):
    """Groups below each other, each with its own scale."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: Sequence[Group] = ()

    def show_groups(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self.setMinimumHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).height() + _GAP
        lines = sum(1 + len(group.bars) for group in self._groups)
        gaps = _GROUP_GAP * max(0, len(self._groups) - 1)
        return QSize(420, round(2 * _MARGIN + lines * line + gaps))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("plot-background"))
        metrics = QFontMetricsF(self.font())
        names = [metrics.horizontalAdvance(bar.name) for group in self._groups for bar in group.bars]
        values = [metrics.horizontalAdvance(_value_text(group, bar)) for group in self._groups for bar in group.bars]
        left = _MARGIN + max(names, default=0.0) + 8
        room = max(self.width() - left - max(values, default=0.0) - 8 - _MARGIN, 1.0)
        top = _MARGIN
        for group in self._groups:
            top = self._paint_group(painter, metrics, group, QRectF(left, top, room, 0)) + _GROUP_GAP
        painter.end()

    def _paint_group(self, painter: QPainter, metrics: QFontMetricsF, group: Group, area: QRectF) -> float:
        """Paint from the top of `area`, in its width. Returns the y coordinate of the bottom."""
        line, top = metrics.height() + _GAP, area.top()
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(theme.colour("text"))
        painter.drawText(QPointF(_MARGIN, top + metrics.ascent()), group.title)
        painter.setFont(self.font())
        most = max((bar.value or 0.0 for bar in group.bars), default=0.0)
        for bar in group.bars:
            top += line
            painter.setPen(theme.colour("muted"))
            painter.drawText(QPointF(_MARGIN, top + metrics.ascent()), bar.name)
            length = area.width() * (bar.value or 0.0) / most if most else 0.0
            block = QRectF(area.left(), top + 1, max(length, 1.0), metrics.height() - 2)
            painter.fillRect(block, theme.colour(bar.token))
            painter.setPen(theme.colour("text"))
            painter.drawText(QPointF(area.left() + length + 8, top + metrics.ascent()), _value_text(group, bar))
        return top + line


def _value_text(group: Group, bar: Bar) -> str:
    return "not known" if bar.value is None else group.format(bar.value)
