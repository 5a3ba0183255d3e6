"""A drawing (SVG) as a picture (PNG), for `moonscope bench --plot`; no display is needed."""

from __future__ import annotations

import os

from moonscope.errors import MoonscopeError, UnsupportedError

SCALE = 2  # pixels per unit of the drawing


def to_png(drawing: str) -> bytes:
    """Raises UnsupportedError without Qt's SVG part, MoonscopeError when Qt cannot draw it."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from PySide6.QtCore import QBuffer, QByteArray, QIODevice
        from PySide6.QtGui import QGuiApplication, QImage, QImageWriter, QPainter
        from PySide6.QtSvg import QSvgRenderer
    except ImportError as error:
        raise UnsupportedError(f"a PNG needs Qt: {error}; name the chart .svg instead") from error
    application = QGuiApplication.instance() or QGuiApplication([])  # fonts need one
    renderer = QSvgRenderer(QByteArray(drawing.encode()))
    image = QImage(renderer.defaultSize() * SCALE, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not renderer.isValid() or not QImageWriter(buffer, QByteArray(b"png")).write(image):
        raise MoonscopeError("Qt could not draw the chart; name it .svg instead")
    del application
    return bytes(buffer.data().data())
