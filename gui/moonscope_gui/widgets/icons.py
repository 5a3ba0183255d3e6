"""Icons of actions and states, in the colours of the current theme.

The glyphs are those of Material Design Icons as QtAwesome ships them. Only its font is used: the package itself
imports all of Qt and reads twelve fonts, which delays the start noticeably.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

from moonscope_resources import icon_file

from . import theme

_GLYPHS = {
    "open-file": "file-plus-outline",
    "open-folder": "folder-open-outline",
    "spawn": "plus-circle-outline",
    "run": "play",
    "load": "tray-arrow-down",
    "collect": "recycle",
    "interrupt": "stop",
    "close": "close-circle-outline",
    "close-all": "close-box-multiple-outline",
    "clear": "delete-sweep-outline",
    "evict": "layers-remove",
    "pause": "pause",
    "theme": "theme-light-dark",
    "screenshot": "camera-outline",
    "copy": "content-copy",
    "export": "export-variant",
    "console": "console",
    "log": "text-box-outline",
    "file": "file-code-outline",
    "vm": "memory",
    "generation": "layers-outline",
    "plot": "chart-line",
    "prototype": "file-tree-outline",
    "stale": "clock-alert-outline",
    "failed": "alert-circle-outline",
    "running": "progress-clock",
    "restart": "restart",
    "recompile": "refresh",
    "compare": "file-compare",
    "globals": "earth",
    "map": "view-quilt-outline",
    "refresh": "refresh",
    "look": "eye-outline",
    "previous": "chevron-up",
    "next": "chevron-down",
    "back": "arrow-left",
    "forward": "arrow-right",
    "enclosing": "arrow-up",
}
_SCALE = 0.9  # of the height: glyphs leave a margin themselves
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


@cache
def _glyphs() -> tuple[QFont, dict[str, str]]:
    """The font, and its characters by the names of their glyphs."""
    package = find_spec("qtawesome")
    assert package is not None and package.origin is not None  # a dependency
    folder = Path(package.origin).parent / "fonts"
    (file,) = folder.glob("materialdesignicons6-webfont-*.ttf")
    (names,) = folder.glob("materialdesignicons6-webfont-charmap-*.json")
    families = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(file)))
    characters = {name: chr(int(code, 16)) for name, code in json.loads(names.read_bytes()).items()}
    return QFont(families[0]), {glyph: characters[glyph] for glyph in _GLYPHS.values()}


class _ThemedGlyph(QIconEngine):
    """Looks its colour up each time it is painted, so that icons follow the theme."""

    def __init__(self, glyph: str, token: str) -> None:
        super().__init__()
        self._glyph = glyph
        self._token = token

    def clone(self) -> QIconEngine:
        return _ThemedGlyph(self._glyph, self._token)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        font, characters = _glyphs()
        font.setPixelSize(max(round(_SCALE * rect.height()), 1))
        painter.save()
        painter.setFont(font)
        painter.setPen(theme.colour("disabled" if mode == QIcon.Mode.Disabled else self._token))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, characters[self._glyph])
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap
