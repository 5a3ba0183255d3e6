"""What `moonscope bench --window` runs inside the windows it measures: they report one line of JSON and end.

Imports nothing of Moonscope, or the empty window would pay for it too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

SETTLE_MS = 6000  # until window and host are in their stride
LOOK_MS = 2  # how often it is looked whether there are numbers


def run_empty() -> None:
    """The window that Moonscope's is held against: PySide6, pyqtgraph, one empty plot."""
    import pyqtgraph

    _before_the_loop(_Start)
    application = QApplication([])
    window = QMainWindow()
    window.setCentralWidget(pyqtgraph.PlotWidget())
    window.resize(1280, 800)
    window.show()
    application.exec()


def report_start() -> None:
    """Say when Moonscope's window was painted, and when it plotted the first sample; then end it."""
    _before_the_loop(lambda application: _Start(application, plots=True))


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


class _Start(QObject):
    """Waits until the main window is exposed, which paints it, and with `plots` until its engine's numbers are plotted.

    Sees no other events than these. Times are those of `time.monotonic`.
    """

    _exposed = Signal()

    def __init__(self, application: QApplication, plots: bool = False) -> None:
        super().__init__(application)
        self._plots = plots
        self._times: dict[str, float] = {}
        self._exposed.connect(self._painted, Qt.ConnectionType.QueuedConnection)
        windows = [widget for widget in application.topLevelWidgets() if isinstance(widget, QMainWindow)]
        self._window: Any = windows[0]
        self._window.windowHandle().installEventFilter(self)
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._plotted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Expose:
            watched.removeEventFilter(self)
            self._exposed.emit()  # told next: the window paints itself while it handles this event
        return False

    @Slot()
    def _painted(self) -> None:
        self._times["painted"] = time.monotonic()
        if self._plots:
            self._look.start()
        else:
            self._end()

    def _plots_dock(self) -> Any:
        return next(child for child in self._window.findChildren(QWidget) if type(child).__name__ == "PlotsDock")

    @Slot()
    def _plotted(self) -> None:
        if self._plots_dock().is_plotting:
            self._look.stop()
            self._times["plotted"] = time.monotonic()
            self._end()

    def _end(self) -> None:
        print(json.dumps(self._times), flush=True)
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
