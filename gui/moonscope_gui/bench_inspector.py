"""The numbers of the inspector: how soon a listing is painted, and how long the GUI thread is kept from its events.

`report` runs in a process of its own, in the real window with an engine of its own; see `bench`. From click to paint it
is wall time. Paints are CPU time of the GUI thread, and blocks CPU time of the whole process, so that waiting for its
other threads counts, and other processes of a busy machine do not.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QEvent, QEventLoop, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from .app import application as app
from .app.main_window import MainWindow
from .code.code_view import CodeView
from .features.files.feature import FilesFeature
from .features.inspector.feature import InspectorFeature
from .state.settings import WindowSettings

LONG, SHORT, FUNCTIONS, SOURCE_BYTES = 20_000, 1_500, 10_000, 10_000_000
"""Instructions of a file, functions that have as many together, functions of one file, bytes of a source."""
_TARGETS = (
    (f"first click on a file to its listing painted, {LONG:,} instructions in one function", "<=", 100.0),
    (f"first click on a file to its listing painted, {LONG:,} instructions in {SHORT:,} functions", "<=", 100.0),
    ("slowest paint of the listing while scrolling", "<=", 16.0),
    ("slowest paint of the source while scrolling", "<=", 16.0),
    (f"longest block of the window's thread, source of {SOURCE_BYTES // 1_000_000} MB opens", "<=", 100.0),
    (f"longest block of the window's thread, table of {SOURCE_BYTES // 1_000_000} MB opens", "<=", 100.0),
    (f"longest block of the window's thread, search in {FUNCTIONS:,} functions", "<=", 50.0),
)
_PAINTS = 200  # while scrolling, spread over the whole
_PATIENCE_S = 60


def report(rounds: int) -> None:
    """Measure, and say it in one line of JSON: for each target what was taken, as `bench` wants it."""
    with tempfile.TemporaryDirectory(prefix="ms-bench-") as scratch:
        folder = Path(scratch) / "lua"
        folder.mkdir()
        texts = {"small": "return 1\n", "wide": functions(FUNCTIONS), "big": functions(FUNCTIONS, SOURCE_BYTES),
                 "table": table(SOURCE_BYTES)}  # fmt: skip
        for number in range(rounds):  # a file is clicked for the first time once
            texts |= {f"long{number}": long_function(), f"short{number}": short_functions()}
        for name, text in texts.items():
            (folder / f"{name}.lua").write_text(text)
        settings = WindowSettings(Path(scratch) / "window.ini")
        window = app.build(settings=settings)
        window.resize(1280, 800)
        window.show()
        gc.freeze()  # as `start` does
        try:
            values = list(zip(*_Reader(window).rounds(folder, rounds), strict=True))
        finally:
            window.close()
    taken = [(*target, each, "ms") for target, each in zip(_TARGETS, values, strict=True)]
    print(json.dumps({"taken": taken}), flush=True)


def long_function() -> str:
    """A chunk of a good `LONG` instructions, on lines such as people write."""
    lines = (f"t.a{n % 100} = t.b{n % 90} + s.c{n % 80} * {n}\n" for n in range(LONG * 114 // 1000))
    return f"local t, s = ...\n{''.join(lines)}return t\n"


def short_functions() -> str:
    """A module of `SHORT` functions with a good `LONG` instructions together."""
    body = "function M.f{n}(a, b) t[{n}] = a.b or b; return b .. 'f{n}', {n} end\n"
    return "local M, t = {}, {}\n" + "".join(body.replace("{n}", str(n)) for n in range(SHORT)) + "return M\n"


def functions(count: int, size: int = 0) -> str:
    """A module of so many functions; comments make the source as large as wanted."""
    body = (
        "function M.handler_{n}(self, message)\n  local name = message.name or 'nobody {n}'\n"
        "  if message.kind == 'kind_{n}' then self.counts[{n}] = (self.counts[{n}] or 0) + 1 end\n"
        "  return name, self.counts[{n}]\nend\n"
    )
    comment = "-- What the client sends when it wants it so.\n"
    least = len(body) * count
    comments = comment * max(0, (size - least) // (len(comment) * count) + 1 if size > least else 0)
    return "local M = {}\n" + "".join(comments + body.replace("{n}", str(n)) for n in range(count)) + "return M\n"


def table(size: int) -> str:
    """Data as programs write it down, one function with more than a million instructions."""
    row = "  {{ id = {n}, name = 'item {n}', tags = {{ 'a', 'b' }} }},\n"
    return "return {\n" + "".join(row.format(n=n) for n in range(size // len(row))) + "}\n"


def _let_pass(milliseconds: int) -> None:
    """As in the application's own loop other threads run Python meanwhile; QTest.qWait keeps them from it."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


class _Reader(QObject):
    """A person who opens files and reads them."""

    painted = Signal()  # the listing, with at least as many instructions as are wanted: not that of "small"

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._wanted = 0
        window.workspace.show_part("prototypes")
        self._detail = window.feature(InspectorFeature).dock.browser.detail
        self._detail.listing.viewport().installEventFilter(self)

    def rounds(self, folder: Path, count: int) -> Iterator[tuple[float, ...]]:
        window = self._window
        window.link.start_host()
        window.open_paths([str(folder)])
        files = 4 + 2 * count
        self._wait(lambda: len(window.state.generations) == files and not window.tasks.running)
        self._wait(lambda: len(window.state.verdicts) >= files - 3)  # it tells of all but the large ones by itself
        for number in range(count):
            self._open("small")
            self._detail.panes.bring(self._detail.listing)
            short = self._click_to_paint(f"short{number}")
            self._open("small")
            long = self._click_to_paint(f"long{number}")
            paints = self._slowest_paint(self._detail.listing), self._slowest_paint(self._detail.source.view)
            opened = [self._longest_block(partial(self._open, name)) for name in ("big", "table")]
            self._open("wide")
            yield (long, short, *paints, *opened, self._longest_block(self._search))

    def _click(self, name: str) -> None:
        view, model = self._window.feature(FilesFeature).dock.view, self._window.feature(FilesFeature).dock.model
        row = next(row for row in range(model.rowCount()) if model.text_at(row, 0) == f"{name}.lua")
        place: QPoint = view.visualRect(model.index(row, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def _open(self, name: str) -> None:
        """Click on a file, and wait until listing and source are there."""
        self._click(name)
        source = self._detail.source
        self._wait(lambda: self._shown == f"{name}.lua" and not source.is_busy and source.model.rowCount() > 0)

    @property
    def _shown(self) -> str:
        current = self._window.feature(InspectorFeature).dock.current
        return Path(current[0].key).name if current else ""

    def _click_to_paint(self, name: str) -> float:
        _let_pass(500)  # a person looks before the next click
        loop = QEventLoop()
        self.painted.connect(loop.quit)
        self._wanted = SHORT
        started = time.perf_counter()
        self._click(name)
        QTimer.singleShot(_PATIENCE_S * 1000, loop, loop.quit)
        loop.exec()
        took = time.perf_counter() - started
        self._wait(lambda: not self._detail.source.is_busy)
        return took * 1000

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and 0 < self._wanted <= len(self._detail.model.code):
            self._wanted = 0
            QTimer.singleShot(0, self, self.painted.emit)  # it is painted while this event is handled
        return False

    def _slowest_paint(self, view: CodeView) -> float:
        self._detail.panes.bring(view)
        bar, slowest = view.verticalScrollBar(), 0.0
        for step in range(_PAINTS):
            bar.setValue(bar.maximum() * step // _PAINTS)
            viewport: QWidget = view.viewport()
            started = time.thread_time()
            viewport.repaint()
            slowest = max(slowest, time.thread_time() - started)
        return slowest * 1000

    def _search(self) -> None:
        bar = self._window.feature(InspectorFeature).dock.browser.search
        for text in ("handler_9", "nobody", "kind_9999", ""):
            bar.setText(text)
            self._window.feature(InspectorFeature).dock.browser.find_next()
            _let_pass(300)

    def _longest_block(self, work: Callable[[], object]) -> float:
        """The longest time in milliseconds from one turn of the event loop to the next."""
        turns = [time.process_time()]
        timer = QTimer(self, interval=1, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: turns.append(time.process_time()))
        timer.start()
        work()
        timer.stop()
        timer.deleteLater()
        return max(after - before for before, after in pairwise(turns)) * 1000

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("the window did not get as far as that")
            _let_pass(10)
