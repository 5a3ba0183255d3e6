"""Requests that a person started: their progress, their end, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from moonscope.commands import Command
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError
from moonscope.model import Chunk, PrototypeTree

from .engine_link import EngineLink, Handle, call_alive

R = TypeVar("R")
Failed = Callable[[MoonscopeError], object]


class Job:
    """One request under way; `total` is 0 as long as its size is unknown."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.done = 0
        self.total = 0
        self.text = ""
        self.handle: Handle | None = None

    def cancel(self) -> None:
        if self.handle is not None:
            self.handle.cancel()


class Jobs(QObject):
    """Those under way, oldest first."""

    changed = Signal()
    failed = Signal(str, str)  # title, text of the error

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.running: list[Job] = []

    def start(
        self,
        title: str,
        command: Command[R],
        done: Callable[[R], object] = lambda answer: None,
        failed: Failed | None = None,
    ) -> Job:
        """Send a command. Without `failed`, an error is announced by the signal; a cancelled job says nothing.

        As in `EngineLink.request`, methods of QObjects that are gone by then are not called.
        """
        return self._follow(title, partial(self._link.request, command), done, failed)

    def read(
        self,
        title: str,
        command: Command[Chunk],
        done: Callable[[PrototypeTree], object],
        failed: Failed | None = None,
    ) -> Job:
        """As `start`, for the tree of prototypes in the chunk that is the answer."""
        return self._follow(title, partial(self._link.read, command), done, failed)

    def _follow(
        self, title: str, ask: Callable[..., Handle], done: Callable[[R], object], failed: Failed | None
    ) -> Job:
        job = Job(title)

        def finished(answer: R) -> None:
            self._end(job)
            call_alive(done, answer)

        def broken(error: MoonscopeError) -> None:
            self._end(job)
            if failed is not None:
                call_alive(failed, error)
            elif not isinstance(error, (CancelledError, ConnectionLost)):  # the loss of the host is told once
                self.failed.emit(title, str(error))

        def advanced(step: int, total: int, text: str) -> None:
            job.done, job.total, job.text = step, total, text
            self.changed.emit()

        self.running.append(job)
        job.handle = ask(done=finished, failed=broken, progress=advanced)
        self.changed.emit()
        return job

    def _end(self, job: Job) -> None:
        self.running.remove(job)
        self.changed.emit()
