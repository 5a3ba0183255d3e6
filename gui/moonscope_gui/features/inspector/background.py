"""Work off the GUI thread of which only the last result is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QThreadPool, Signal, Slot

Result = TypeVar("Result")


class Background(QObject):
    """`start` hands a call to a thread of Qt's pool; a newer one makes the answer to an older one void."""

    _finished = Signal(int, object)  # serial number of the call, its result

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = 0
        self._done: Callable[[Any], object] | None = None
        self._finished.connect(self._deliver)

    @property
    def busy(self) -> bool:
        return self._done is not None

    def start(self, call: Callable[[], Result], done: Callable[[Result], object]) -> None:
        """`call` must not raise and must not touch widgets; `done` gets its result on the GUI thread."""
        self._serial += 1
        self._done = done
        serial = self._serial

        def work() -> None:
            result = call()
            with suppress(RuntimeError):  # the window was closed meanwhile
                self._finished.emit(serial, result)

        QThreadPool.globalInstance().start(work)

    def drop(self) -> None:
        """The result of what runs is not wanted any more."""
        self._serial += 1
        self._done = None

    @Slot(int, object)
    def _deliver(self, serial: int, result: object) -> None:
        if serial == self._serial and self._done is not None:
            done, self._done = self._done, None
            done(result)
