"""What one client has not been sent yet."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ..errors import ConnectionLost
from .stream import Stream

log = logging.getLogger("moonscope.host")


class LoopCondition:
    """Waiting, on an event loop, until something is so: a `threading.Condition` whose lock is the loop itself.

    Belongs to one loop. Whoever changes what others wait for calls `notify_all`.
    """

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


class Outbox:
    """Messages in the order they were given; `run` sends them. Used on the host's loop alone."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._queue: OrderedDict[Hashable, bytes] = OrderedDict()
        self._numbers = itertools.count()
        self._stopped = False
        self._changed = LoopCondition()
        self.unsent = 0  # bytes, with the message that is on its way
        self.held = 0  # bytes of answers that wait for an Update before they come here

    def send(self, message: bytes, instead_of: Hashable = None) -> None:
        """Queue a message; it is dropped when the outbox was stopped.

        One that was queued with the same `instead_of`, and is still there, need not be sent: this one takes its place.
        """
        if self._stopped:
            return
        name = next(self._numbers) if instead_of is None else instead_of
        self.unsent += len(message) - len(self._queue.get(name, b""))
        self._queue[name] = message
        self._changed.notify_all()

    def stop(self, last: bytes | None = None, *, drop: bool = False) -> None:
        """Take no message after `last`; what is queued is sent before it, or with `drop` not at all."""
        if drop:
            self.unsent -= sum(map(len, self._queue.values()))
            self._queue.clear()
        if last is not None:
            self.send(last)
        self._stopped = True
        self._changed.notify_all()

    def hold(self, bytes: int) -> None:
        """Count so many more, or fewer, that wait elsewhere."""
        self.held += bytes
        self._changed.notify_all()

    async def sent(self) -> None:
        """Returns when nothing is unsent."""
        await self._changed.wait_for(lambda: not self.unsent)

    async def below(self, bytes: int) -> None:
        """Returns when fewer wait, here and elsewhere."""
        await self._changed.wait_for(lambda: self.unsent + self.held < bytes)

    async def run(self) -> None:
        """Returns when the outbox is stopped and empty, or the client gone."""
        try:
            while True:
                await self._changed.wait_for(lambda: self._queue or self._stopped)
                if not self._queue:
                    return
                _, message = self._queue.popitem(last=False)
                await self._stream.send(message)
                self.unsent -= len(message)
                self._changed.notify_all()
        except ConnectionLost as error:
            log.info("stopped sending: %s", error)
