"""What `moonscope bench --window` runs inside the windows it measures: they report one line of JSON and end.

Imports nothing of Moonscope, or the empty window would pay for it too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

SETTLE_MS = 6000  # until window and host are in their stride


def run_empty() -> None:
    """The window that Moonscope's is held against: PySide6, pyqtgraph, one empty plot."""
    import pyqtgraph

    report_paint()
    application = QApplication([])
    window = QMainWindow()
    window.setCentralWidget(pyqtgraph.PlotWidget())
    window.resize(1280, 800)
    window.show()
    application.exec()


def report_paint() -> None:
    """End the application as soon as its main window is painted, and say when that was (`time.monotonic`)."""
    _before_the_loop(_Painted)


def report_busy(seconds: int) -> None:
    """Watch the GUI thread for so many seconds, then say its busy shares and end the application."""
    _before_the_loop(lambda application: _Busy(application, seconds))


def _before_the_loop(prepare: Callable[[QApplication], object]) -> None:
    run = QApplication.exec

    def prepared(*_: object) -> int:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        prepare(application)
        return run()

    QApplication.exec = prepared  # type: ignore[method-assign]


class _Painted(QObject):
    """Waits until the main window is exposed, which paints it. Sees the events of that window only."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        for widget in application.topLevelWidgets():
            if isinstance(widget, QMainWindow):
                widget.windowHandle().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Expose:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._report)  # the window paints itself while it handles this event
        return False

    def _report(self) -> None:
        print(json.dumps({"painted": time.monotonic()}), flush=True)
        QApplication.quit()


class _Busy(QObject):
    """Counts the CPU time of the GUI thread. Its event loop tells when it goes to sleep, but not when it wakes."""

    def __init__(self, application: QApplication, seconds: int) -> None:
        super().__init__(application)
        self._wanted = seconds
        self._shares: list[float] = []
        self._began = self._worked = 0.0
        self._timer = QTimer(self, interval=1000)
        self._timer.timeout.connect(self._count)
        QTimer.singleShot(SETTLE_MS, self._begin)

    def _begin(self) -> None:
        self._began, self._worked = time.perf_counter(), time.thread_time()
        self._timer.start()

    def _count(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self._shares.append(100 * (worked - self._worked) / (now - self._began))
        self._began, self._worked = now, worked
        if len(self._shares) >= self._wanted:
            print(json.dumps({"busy": self._shares}), flush=True)
            QApplication.quit()
