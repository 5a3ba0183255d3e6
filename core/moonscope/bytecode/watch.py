"""Reading a large dump: how far it is, and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import CancelledError

Progress = Callable[[int, int, str], object]
"""(done, total, text), as of any command."""
Cancelled = Callable[[], bool]

STRIDE = 1024
_GAP = 0.1  # seconds, at least, between two reports


class Watch:
    """Asked for every function, and every `STRIDE` constants or instructions of a long one; costs next to nothing."""

    __slots__ = ("_cancelled", "_next", "_progress", "_total")

    def __init__(self, total: int = 0, progress: Progress | None = None, cancelled: Cancelled | None = None) -> None:
        self._total = total
        self._progress = progress
        self._cancelled = cancelled
        self._next = time.monotonic() + _GAP

    def ask(self) -> None:
        """Raises CancelledError when it is not wanted any more."""
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("reading was cancelled")

    def reach(self, done: int) -> None:
        """So many of the total are done. Raises CancelledError."""
        self.ask()
        if self._progress is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _GAP
            self._progress(done, self._total, "reading")


NOBODY = Watch()
"""Watches nothing."""
