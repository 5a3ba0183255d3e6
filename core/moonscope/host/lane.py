"""A few threads that take jobs from one queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Work = Callable[[], None]


class Lane:
    """Unlike those of `concurrent.futures`, its threads never keep a process from ending."""

    def __init__(self, name: str, threads: int) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"{name}-{n + 1}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> None:
        """`work` must not raise."""
        self._queue.put(work)

    def close(self, seconds: float) -> None:
        """Let what was submitted end, and the threads with it; wait at most that long."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
