"""What changes in the engine, for all clients: one thread waits for changes, another makes messages of them.

Clients that know the same revision are told at the same time, and the message is made once for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..model import Update
from .large_updates import pushes, whole
from .service import EngineLike, Limits
from .thread_pool import NoThread, ThreadPool

log = logging.getLogger("moonscope.host")

T = TypeVar("T")

_LOOK_SECONDS = 0.25  # between two looks at whether the host is still there


class Subscriber(Protocol):
    """Who is told of changes."""

    told: int  # the revision that it knows

    def look(self) -> None:
        """There is something newer; called at most once in `push_gap` seconds."""


@dataclass(frozen=True)
class UpdateMessage:
    """What is newer than a revision, as one message (empty if it does not fit into one) or in parts."""

    update: Update
    message: bytes
    limit: int

    def parts(self) -> Iterator[bytes]:
        """Messages that together hold the Update, made one by one."""
        return pushes(self.update, self.limit)


class Updates:
    """Made, and used, on the loop. Raises NoThread."""

    def __init__(self, engine: EngineLike, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._subscribers: set[Subscriber] = set()
        self._latest = 0  # the newest revision that was told
        self._fresh = True  # there is one newer than that
        self._asked: dict[int, asyncio.Future[UpdateMessage]] = {}  # by what they know already
        self._round: asyncio.TimerHandle | None = None
        self._last_round = 0.0
        self._ended = False
        self._wanted = threading.Event()  # someone wants to know when there is something newer than `_latest`
        self._encoder = ThreadPool("moonscope-encode", core=1, most=1)
        try:
            watcher = ThreadPool("moonscope-watch", core=1, most=1)
        except NoThread:
            self._encoder.close(1.0)
            raise
        watcher.submit(self._watch)
        self._pools = (self._encoder, watcher)

    def add(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` of changes from now on."""
        self._subscribers.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` no more."""
        self._subscribers.discard(subscriber)

    async def since(self, revision: int) -> UpdateMessage:
        """What is newer than that, now. Raises what the engine raises."""
        if not self._asked:
            self._loop.call_soon(self._ask)
        future = self._asked.setdefault(revision, self._loop.create_future())
        return await asyncio.shield(future)

    async def next_part(self, parts: Iterator[bytes]) -> bytes | None:
        """Made by the thread that makes messages, as it takes a while."""
        future: asyncio.Future[bytes | None] = self._loop.create_future()
        self._encoder.submit(lambda: self._settle(future, lambda: next(parts, None)))
        return await future

    def look(self) -> None:
        """Call those subscribers soon for whom there is something newer."""
        if self._round is None and any(self._is_newer(subscriber) for subscriber in self._subscribers):
            self._round = self._loop.call_at(self._last_round + self._limits.push_gap, self._begin_round)

    def end(self) -> tuple[ThreadPool, ...]:
        """The pools, whose threads are about to end."""
        self._ended = True
        self._wanted.set()
        return self._pools

    def _is_newer(self, subscriber: Subscriber) -> bool:
        return self._fresh or subscriber.told < self._latest

    def _begin_round(self) -> None:
        self._round = None
        self._last_round = self._loop.time()
        for subscriber in list(self._subscribers):
            if self._is_newer(subscriber):
                subscriber.look()

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}

        def tell() -> None:
            for revision, future in asked.items():
                self._settle(future, lambda since=revision: self._tell(since))  # type: ignore[misc]

        self._encoder.submit(tell)

    def _tell(self, since: int) -> UpdateMessage:
        update = self._engine.changes(since)
        message = whole(update, self._limits.push_bytes) if update.revision != since else b""
        self._post(lambda: self._learn(update.revision))
        return UpdateMessage(update, message, self._limits.push_bytes)

    def _learn(self, revision: int) -> None:
        if revision > self._latest or self._fresh:
            self._latest = max(revision, self._latest)
            self._fresh = False
            self._wanted.set()
        self.look()

    def _settle(self, future: asyncio.Future[T], make: Callable[[], T]) -> None:
        """In the thread that makes messages."""
        try:
            made = make()
        except BaseException as error:  # whoever waits for it must not wait for ever
            failure = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            self._post(lambda: _fail(future, failure))
        else:
            self._post(lambda: None if future.done() else future.set_result(made))

    def _watch(self) -> None:
        """In the thread that waits for changes."""
        while not self._ended:
            self._wanted.wait()
            self._wanted.clear()
            known = self._latest
            try:
                while not self._ended and not self._engine.wait(known, _LOOK_SECONDS):
                    pass
            except Exception:  # whoever asks for the changes then is told
                log.exception("unexpected error while waiting for the engine's changes")
                threading.Event().wait(_LOOK_SECONDS)
            self._post(lambda known=known: self._hear(known))  # type: ignore[misc]

    def _hear(self, known: int) -> None:
        """There is something newer than `known`."""
        if known < self._latest:  # which was told meanwhile, as an answer wanted it
            self._wanted.set()
        else:
            self._fresh = True
            self.look()

    def _post(self, work: Callable[[], object]) -> None:
        post(self._loop, work)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen, even if all who asked have gone


def post(loop: asyncio.AbstractEventLoop, work: Callable[[], object]) -> None:
    """Do it on the loop, from any thread; a loop that has ended does nothing."""
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        if not loop.is_closed():
            raise
