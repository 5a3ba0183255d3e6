"""Ends runs: at once when asked, or when their time is over.

A run is interrupted again and again until it has ended, since a script may catch the error. One thread does
this for all VMs of a pool.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Protocol

from .._native import REASON_INSTRUCTIONS, REASON_PERSON

REPEAT = 0.01  # seconds between two tries to interrupt


class Run(Protocol):
    """Something that goes on in a VM: hashable, compared by identity."""

    repeat: float  # seconds between two tries to end it; see REPEAT

    def interrupt(self, reason: int) -> bool:
        """Try to end it; False when it is over."""


class Watchdog:
    """Knows the runs that are to end, and when. All methods are for any thread.

    Its thread exists while there is something to end or to time. A `lasting` one starts it here and keeps it until
    `stop`, so that nothing depends on a thread that can be had later. Raises RuntimeError when it cannot be started.
    """

    def __init__(self, *, lasting: bool = False) -> None:
        # Not a Condition: when memory runs out while one is left, it stays locked.
        self._lock = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._asleep = False  # the thread waits for a token in `_wake` …
        self._until = 0.0  # … until then
        self._due: dict[Run, tuple[float, int]] = {}  # run: time, reason
        self._lasting = lasting
        self._thread: threading.Thread | None = None
        if lasting:
            self._start()

    def end(self, run: Run, *, reason: int = REASON_PERSON, after: float = 0.0) -> None:
        """End a run in `after` seconds, unless it is over by then. The earliest deadline wins. With
        REASON_INSTRUCTIONS a budget counts where hooks are off, again and again from then on, until another reason
        comes.

        Raises RuntimeError when there is no thread to watch it, and none can be started; the next call tries again.
        """
        due = time.monotonic() + after
        with self._lock:
            known = self._due.get(run)
            if known is not None and known[1] == REASON_INSTRUCTIONS:  # which ends nothing by itself
                known = None
            # A new tuple each time: by its identity `_try` knows whether somebody asked meanwhile.
            self._due[run] = (due, reason) if known is None or due < known[0] else (known[0], known[1])
            if self._thread is None:
                try:
                    self._start()
                except BaseException:
                    del self._due[run]
                    raise
            if due < self._until:
                self._rouse()

    def over(self, run: Run) -> None:
        """A run has ended; forget it."""
        with self._lock:
            if self._due.pop(run, None) is not None and not self._due and not self._lasting:
                self._rouse()

    def stop(self, timeout: float) -> None:
        """Let the thread end as soon as nothing is watched any more; wait for that at most `timeout` seconds."""
        with self._lock:
            self._lasting = False
            self._rouse()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _rouse(self) -> None:
        """Under the lock."""
        if self._asleep:
            self._wake.put(None)
            self._asleep = False

    def _start(self) -> None:
        """Under the lock, or in the constructor. The thread is known only once it runs."""
        thread = threading.Thread(target=self._watch, name="moonscope-watchdog", daemon=True)
        thread.start()
        self._thread = thread

    def _watch(self) -> None:
        while True:
            try:
                if not self._once():
                    return
            except MemoryError:  # it passes; runs must still end then
                time.sleep(REPEAT)

    def _once(self) -> bool:
        """Wait for something to be due and try to end it. False: the thread is not needed any more."""
        with self._lock:
            if not self._due and not self._lasting:
                self._thread = None
                return False
            now = time.monotonic()
            due = [run for run, (when, _) in self._due.items() if when <= now]
            soonest = min((when for when, _ in self._due.values()), default=now + threading.TIMEOUT_MAX)
            self._asleep = not due
            self._until = soonest
        if due:
            for run in due:
                self._try(run)
            return True
        try:  # noqa: SIM105  # `suppress` needs memory itself
            self._wake.get(timeout=min(soonest - now, threading.TIMEOUT_MAX))
        except Empty:
            pass
        self._asleep = False
        return True

    def _try(self, run: Run) -> None:
        """Interrupt it once; it is due again shortly, unless it is over."""
        with self._lock:
            known = self._due.get(run)
            if known is None:
                return
            again = (time.monotonic() + run.repeat, known[1])
            self._due[run] = again
        if run.interrupt(known[1]):
            return
        with self._lock:
            if self._due.get(run) is again:
                del self._due[run]
