"""One prototype's bytes as a stacked bar with a legend."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ..widgets import formats, theme
from .parts import Part

_BAR = 18  # pixels
_GAP = 6
_SWATCH = 10
_SPACE = 14  # between two entries of the legend


class ByteBar(QWidget):
    """Parts of no size are left out. The legend takes as many lines as it needs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[Part, ...] = ()
        # Not fixed in height: that would be the height which it needed when it was wider.
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_parts(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(part for part in parts if part.size)
        self.setAccessibleName("Bytes by part")
        self.setAccessibleDescription(", ".join(map(_words, self._parts)))
        self.updateGeometry()
        self.update()

    def part_at(self, place: QPoint) -> Part | None:
        """The part whose stretch of the bar is at a place."""
        found = (part for part, stretch in self._stretches() if stretch.contains(QPointF(place)))
        return next(found, None)

    def _stretches(self) -> list[tuple[Part, QRectF]]:
        total = sum(part.size for part in self._parts)
        x = 0.0
        stretches = []
        for part in self._parts:
            width = self.width() * part.size / total
            stretches.append((part, QRectF(x, 0, width, _BAR)))
            x += width
        return stretches

    def _legend(self, width: int) -> list[tuple[Part, QRect]]:
        metrics = self.fontMetrics()
        height = metrics.height() + 2
        x, y = 0, _BAR + _GAP
        places = []
        for part in self._parts:
            room = _SWATCH + 5 + metrics.horizontalAdvance(_words(part))
            if x and x + room > width:
                x, y = 0, y + height
            places.append((part, QRect(x, y, room, height)))
            x += room + _SPACE
        return places

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        legend = self._legend(width)
        return legend[-1][1].bottom() + 1 if legend else _BAR

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(self.width(), 200)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for part, stretch in self._stretches():
            painter.fillRect(stretch, theme.colour(part.token))
        painter.setPen(theme.colour("border"))
        if self._parts:
            painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, _BAR - 1))
        for part, place in self._legend(self.width()):
            swatch = QRect(place.left(), place.center().y() - _SWATCH // 2 + 1, _SWATCH, _SWATCH)
            painter.fillRect(swatch, theme.colour(part.token))
            painter.setPen(theme.colour("border"))
            painter.drawRect(swatch.adjusted(0, 0, -1, -1))
            painter.setPen(theme.colour("text"))
            painter.drawText(place.adjusted(_SWATCH + 5, 0, 4, 0), Qt.AlignmentFlag.AlignVCenter, _words(part))
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            part = self.part_at(event.pos())
            total = sum(part.size for part in self._parts)
            text = f"{_words(part)}, {formats.percent(part.size / total)}" if part else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)


def _words(part: Part) -> str:
    return f"{part.title} {formats.size(part.size)}"
