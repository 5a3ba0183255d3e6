"""The icons of actions and states, by what they mean; drawn in the colours of the present theme."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap

from moonscope_resources import icon_file

from . import theme

_GLYPHS = {
    "open-file": "mdi6.file-plus-outline",
    "open-folder": "mdi6.folder-open-outline",
    "spawn": "mdi6.plus-circle-outline",
    "run": "mdi6.play",
    "load": "mdi6.tray-arrow-down",
    "collect": "mdi6.recycle",
    "interrupt": "mdi6.stop",
    "close": "mdi6.close-circle-outline",
    "close-all": "mdi6.close-box-multiple-outline",
    "clear": "mdi6.delete-sweep-outline",
    "evict": "mdi6.layers-remove",
    "pause": "mdi6.pause",
    "theme": "mdi6.theme-light-dark",
    "screenshot": "mdi6.camera-outline",
    "copy": "mdi6.content-copy",
    "export": "mdi6.export-variant",
    "console": "mdi6.console",
    "log": "mdi6.text-box-outline",
    "file": "mdi6.file-code-outline",
    "vm": "mdi6.memory",
    "generation": "mdi6.layers-outline",
    "plot": "mdi6.chart-line",
    "prototype": "mdi6.file-tree-outline",
    "stale": "mdi6.clock-alert-outline",
    "failed": "mdi6.alert-circle-outline",
    "running": "mdi6.progress-clock",
    "restart": "mdi6.restart",
    "recompile": "mdi6.refresh",
    "compare": "mdi6.file-compare",
    "globals": "mdi6.earth",
    "refresh": "mdi6.refresh",
    "look": "mdi6.eye-outline",
    "previous": "mdi6.chevron-up",
    "next": "mdi6.chevron-down",
    "back": "mdi6.arrow-left",
    "forward": "mdi6.arrow-right",
    "enclosing": "mdi6.arrow-up",
}
_TOKENS = {
    "clear": "danger", "evict": "danger", "interrupt": "danger", "close-all": "danger",
    "failed": "error", "stale": "stale", "running": "running",
}  # fmt: skip


def names() -> tuple[str, ...]:
    """The names that `icon` knows."""
    return tuple(_GLYPHS)


def icon(name: str) -> QIcon:
    """The icon called `name`; it follows the theme by itself. Raises KeyError for an unknown name."""
    return QIcon(_ThemedGlyph(_GLYPHS[name], _TOKENS.get(name, "icon")))


def app_icon() -> QIcon:
    return QIcon(str(icon_file()))


class _ThemedGlyph(QIconEngine):
    """Asks the theme for its colour whenever it is painted, so nothing has to be replaced when the theme changes."""

    def __init__(self, glyph: str, token: str) -> None:
        super().__init__()
        self._glyph = glyph
        self._token = token

    def clone(self) -> QIconEngine:
        return _ThemedGlyph(self._glyph, self._token)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        token = "disabled" if mode == QIcon.Mode.Disabled else self._token
        qtawesome.icon(self._glyph, color=theme.colour(token).name()).paint(painter, rect)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap
