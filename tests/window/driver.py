"""Runs the real window as a person would see it, and photographs the screen: before and after a folder is opened.

Usage: driver.py SETTINGS FOLDER BEFORE.png AFTER.png. Prints one line of JSON about what the window shows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QRect, QTimer
from PySide6.QtGui import QGuiApplication

from moonscope_gui.app import application as app
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.state.settings import WindowSettings

PATIENCE_MS = 60_000


def wait(condition: Callable[[], bool], what: str) -> None:
    """Let Qt work until `condition` holds."""
    loop = QEventLoop()
    look = QTimer(interval=20)
    look.timeout.connect(lambda: loop.quit() if condition() else None)
    look.start()
    QTimer.singleShot(PATIENCE_MS, loop, lambda: loop.exit(1))
    if loop.exec():
        sys.exit(f"gave up waiting for {what}")


def photograph(window: MainWindow, path: str) -> None:
    """The screen itself, not what the widgets would paint."""
    window.repaint()
    QGuiApplication.processEvents()
    screen = window.screen()
    if not screen.grabWindow(0).save(path):
        sys.exit(f"{path} was not written")


def main(settings: str, folder: str, before: str, after: str) -> None:
    files = len(list(Path(folder).glob("*.lua")))
    window = app.build(settings=WindowSettings(Path(settings)))
    window.show()
    window.link.start_host()
    wait(lambda: window.link.is_connected and window.state.settings is not None, "the engine")
    photograph(window, before)
    window.open_paths([folder])
    model = window.feature(FilesFeature).dock.model
    wait(lambda: model.rowCount() == files and not window.tasks.running, "the files")
    photograph(window, after)
    viewport = window.feature(FilesFeature).dock.view.viewport()
    table = QRect(viewport.mapToGlobal(viewport.rect().topLeft()), viewport.size())
    report = {
        "platform": QGuiApplication.platformName(),
        "files": sorted(Path(model.text_at(row, 0)).name for row in range(model.rowCount())),
        "vms": len(window.state.vms),
        "table": table.getRect(),
        "window": [window.width(), window.height()],
    }
    window.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
