"""Waiting, on an event loop, until something is so: a `threading.Condition` whose lock is the loop itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LoopCondition:
    """Belongs to one loop. Whoever changes what others wait for calls `notify_all`."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def notify_all(self) -> None:
        """Have all who wait check their condition again. On the loop."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for(self, condition: Callable[[], object]) -> None:
        """Returns at once if it is so; else each `notify_all` asks again."""
        while not condition():
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
