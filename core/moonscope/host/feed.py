"""What one client is told of the engine: Updates as it changes, each answer after the Update that shows its effect."""

from __future__ import annotations

from collections.abc import Callable

from .bell import Bell
from .news import News
from .outbox import Outbox


class Feed:
    """`run` tells until it is cancelled. The next Update is taken when the last one is sent, so a slow client gets
    larger ones, and one that does not read costs no more."""

    def __init__(self, news: News, outbox: Outbox) -> None:
        self.told = 0  # the revision of the last Update that was sent whole
        self._news = news
        self._outbox = outbox
        self._answers: list[tuple[bytes, Callable[[], None]]] = []  # that wait for the next Update
        self._due = False
        self._bell = Bell()

    def look(self) -> None:
        self._due = True
        self._bell.ring()

    def answer(self, message: bytes, before: Callable[[], None]) -> None:
        """Send it once the client was told what the engine shows now; call `before` just before."""
        self._answers.append((message, before))
        self._outbox.hold(len(message))
        self._bell.ring()

    async def run(self) -> None:
        self._news.add(self)
        try:
            while True:
                await self._outbox.sent()
                answers, self._answers = self._answers, []
                self._due = False
                await self._tell()
                for message, before in answers:
                    before()
                    self._outbox.hold(-len(message))
                    self._outbox.send(message)
                self._news.look()
                await self._bell.until(lambda: self._due or self._answers)
        finally:
            self._news.remove(self)

    async def _tell(self) -> None:
        telling = await self._news.since(self.told)
        if telling.update.revision == self.told:  # those who answered have told it
            return
        if telling.message:
            self._outbox.send(telling.message)
        else:
            parts = telling.parts()
            while (part := await self._news.next_part(parts)) is not None:
                self._outbox.send(part)
                await self._outbox.sent()
        self.told = telling.update.revision
