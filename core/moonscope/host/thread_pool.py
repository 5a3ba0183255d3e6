"""Threads for commands: as many as there are commands that wait for VMs, none when there are none."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]


class NoThread(Exception):
    """The system gives this process no further thread."""


class ThreadPool:
    """Unlike those of `concurrent.futures`, its threads come one for each work that would have to wait, never keep a
    process from ending, and go when they had nothing to do for a while.

    `core` threads are started at once, and stay; what is submitted to a pool that has such always runs, if need be
    when another work is over, so its works must end by themselves. Raises NoThread when these cannot be had.
    """

    def __init__(self, name: str, core: int = 0, most: int | None = None, idle_seconds: float = 10.0) -> None:
        self._name = name
        self._core = core
        self._most = most
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._works: deque[Work] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._count = 0  # threads there ever were
        self._closed = False
        try:
            for _ in range(core):
                self._start()
        except NoThread:
            self.close(1.0)
            raise

    def submit(self, work: Work) -> None:
        """`work` must not raise. Raises NoThread when it would need a thread that cannot be had."""
        with self._changed:
            self._works.append(work)
            if self._idle >= len(self._works):
                self._changed.notify()
            elif self._most is None or len(self._threads) < self._most:
                try:
                    self._start()
                except NoThread:
                    if not self._core:
                        self._works.pop()
                        raise

    def close(self, seconds: float) -> None:
        """Let what was submitted end, and the threads with it; wait at most that long."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            threads = self._threads - {threading.current_thread()}
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _start(self) -> None:
        self._count += 1
        thread = threading.Thread(target=self._run, name=f"{self._name}-{self._count}", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            self._threads.discard(thread)
            raise NoThread(f"the system gives the host no further thread: {error}") from error

    def _run(self) -> None:
        while (work := self._next()) is not None:
            work()
            del work  # waiting for the next one must not keep what this one knows

    def _next(self) -> Work | None:
        """None: this thread is not needed any more."""
        with self._changed:
            self._idle += 1
            while not self._works and not self._closed:
                in_time = self._changed.wait(self._idle_seconds)
                if not in_time and not self._works and len(self._threads) > self._core:
                    break
            self._idle -= 1
            if self._works:
                return self._works.popleft()
            self._threads.discard(threading.current_thread())
            return None
