"""How far the reading of a dump is."""

from __future__ import annotations

import time

from ..model import NO_CONTEXT, Context

STRIDE = 1024
"""Constants or instructions of a long function after which the context is asked again."""
GAP = 0.1  # seconds, at least, between two reports


class Reporter:
    """Tells a context now and then how many of `total` units are done, and asks it whether to go on."""

    def __init__(self, context: Context = NO_CONTEXT, total: int = 0) -> None:
        self._context = context
        self._total = total
        self._next = time.monotonic() + GAP

    def check(self) -> None:
        """Raises CancelledError when reading was cancelled."""
        self._context.check("reading")

    def reach(self, done: int) -> None:
        """Raises CancelledError when reading was cancelled."""
        self.check()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + GAP
            self._context.progress(done, self._total, "reading")


SILENT = Reporter()
