"""Ends runs: at once when asked, or when their time is over.

A run is interrupted again and again until it has ended, since a script may catch the error. One thread does
this for all VMs of a pool; it exists only while there is something to end or to time.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

REPEAT = 0.01  # seconds between two tries to interrupt

ASKED, INSTRUCTIONS, TIME, EXIT = 1, 2, 3, 4  # reasons, as in _moonscope.pyi


class Run(Protocol):
    """Something that goes on in a VM: hashable, compared by identity."""

    def interrupt(self, reason: int) -> bool:
        """Try to end it; False when it is over."""


class Watchdog:
    """Knows the runs that are to end, and when. All methods are for any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Run, tuple[float, int]] = {}  # run: time, reason
        self._thread: threading.Thread | None = None

    def end(self, run: Run, *, reason: int = ASKED, after: float = 0.0) -> None:
        """End a run in `after` seconds, unless it is over by then. The earliest wish counts."""
        due = time.monotonic() + after
        with self._changed:
            known = self._due.get(run)
            if known is None or due < known[0]:
                self._due[run] = (due, reason)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="moonscope-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def over(self, run: Run) -> None:
        """A run has ended; forget it."""
        with self._changed:
            if self._due.pop(run, None) is not None:
                self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait until nothing is watched any more and the thread is gone."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _watch(self) -> None:
        while True:
            with self._changed:
                if not self._due:
                    self._thread = None
                    return
                now = time.monotonic()
                due = [(run, reason) for run, (when, reason) in self._due.items() if when <= now]
                if not due:
                    soonest = min(when for when, _ in self._due.values())
                    self._changed.wait(min(soonest - now, threading.TIMEOUT_MAX))
                    continue
            for run, reason in due:
                if not run.interrupt(reason):
                    self.over(run)
            time.sleep(REPEAT)
