"""How the one who asked for something follows it, and stops it."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CancelledError

Progress = Callable[[int, int, str], object]
Cancelled = Callable[[], bool]


class Context:
    """Handed to everything that may take long.

    `progress(done, total, text)` is called now and then, `total` is 0 while it is not known; `cancelled()` is asked
    between steps. Both are called in the thread that does the work.
    """

    def __init__(
        self, progress: Progress = lambda done, total, text: None, cancelled: Cancelled = lambda: False
    ) -> None:
        self.progress = progress
        self.cancelled = cancelled

    def check(self, task: str) -> None:
        """Raises CancelledError when it was cancelled; `task` says what of."""
        if self.cancelled():
            raise CancelledError(f"{task}: cancelled")


NO_CONTEXT = Context()  # progress is not reported, and nothing is cancelled
