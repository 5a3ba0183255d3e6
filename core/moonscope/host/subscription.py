"""What one client is told of the engine: Updates as it changes, each answer after the Update that shows its effect."""

from __future__ import annotations

from collections.abc import Callable

from .outbox import LoopCondition, Outbox
from .updates import Updates


class Subscription:
    """`run` tells until it is cancelled. The next Update is taken when the last one is sent, so a slow client gets
    larger ones, and one that does not read costs no more."""

    def __init__(self, updates: Updates, outbox: Outbox) -> None:
        self.told = 0  # the revision of the last Update that was sent whole
        self._updates = updates
        self._outbox = outbox
        self._answers: list[tuple[bytes, Callable[[], None]]] = []  # that wait for the next Update
        self._due = False
        self._changed = LoopCondition()

    def look(self) -> None:
        """There is a newer revision: send it when the last Update is sent. On the loop."""
        self._due = True
        self._changed.notify_all()

    def answer(self, message: bytes, before: Callable[[], None]) -> None:
        """Send it once the client was told what the engine shows now; call `before` just before."""
        self._answers.append((message, before))
        self._outbox.hold(len(message))
        self._changed.notify_all()

    async def run(self) -> None:
        """Send Updates and answers until cancelled. Raises what the engine raises when it is asked for changes."""
        self._updates.add(self)
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
                self._updates.look()
                await self._changed.wait_for(lambda: self._due or self._answers)
        finally:
            self._updates.remove(self)

    async def _tell(self) -> None:
        newer = await self._updates.since(self.told)
        if newer.update.revision == self.told:  # those who answered have told it
            return
        if newer.message:
            self._outbox.send(newer.message)
        else:
            parts = newer.parts()
            while (part := await self._updates.next_part(parts)) is not None:
                self._outbox.send(part)
                await self._outbox.sent()
        self.told = newer.update.revision
