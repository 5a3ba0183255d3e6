"""The label at the cross-hair: time, values, and events."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QWidget

from moonscope.model import Mark

from ...widgets import formats, theme
from .charts import Line

_DISTANCE = 14  # pixels from the mouse
_MARKS_SHOWN = 8


class ReadOut(QLabel):
    """Floats over its parent, near the mouse, without being cut off."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._ground = parent
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAutoFillBackground(True)
        self.hide()

    def show_values(
        self, mouse: QPoint, moment: float, values: Sequence[tuple[Line, str]], marks: Sequence[Mark]
    ) -> None:
        """`mouse` is in the coordinates of the parent."""
        self.setStyleSheet(
            f"background: {theme.colour('raised').name()}; color: {theme.colour('text').name()};"
            f"border: 1px solid {theme.colour('border').name()}; padding: 4px;"
        )
        self.setText(_html(moment, values, marks))
        self.adjustSize()
        self.move(self._beside(mouse))
        self.show()
        self.raise_()

    def _beside(self, mouse: QPoint) -> QPoint:
        room = self._ground.rect()
        x = mouse.x() + _DISTANCE
        if x + self.width() > room.right():
            x = mouse.x() - _DISTANCE - self.width()
        y = min(mouse.y() + _DISTANCE, room.bottom() - self.height())
        return QPoint(max(x, 0), max(y, 0))


def _html(moment: float, values: Sequence[tuple[Line, str]], marks: Sequence[Mark]) -> str:
    lines = "".join(
        f'<tr><td style="color:{theme.colour(line.token).name()}">■&nbsp;{line.name}&nbsp;&nbsp;</td>'
        f'<td align="right">{escape(words).replace(" ", "&nbsp;")}</td></tr>'
        for line, words in values
    )
    events = "".join(f"<br>{escape(f'{mark.kind}: {mark.text}'[:80])}" for mark in marks[:_MARKS_SHOWN])
    more = f"<br>and {len(marks) - _MARKS_SHOWN} more" if len(marks) > _MARKS_SHOWN else ""
    table = f"<table cellspacing=0 cellpadding=0>{lines}</table>"
    return f"<b>{formats.clock(moment)}</b>{table}{events.removeprefix('<br>')}{more}"
