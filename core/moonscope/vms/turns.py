"""Whose turn it is: VMs that have a job to do, the commands that they are part of in turn."""

from __future__ import annotations

from collections import deque
from typing import Any

from .mailbox import Actor, Batch

GROW_SECONDS = 0.25  # in which no job of a batch has ended


class Turns:
    """VMs by the batch of their next job. A command for one VM waits for one job of each other command at most, not for
    all that a command for 1,000 VMs has posted before. The caller holds the lock of the actors.

    Of one batch `count` jobs are under way at once: of many short ones no more than there are workers. When none of
    them has ended for long, there may be twice as many, so that endless scripts in 1,000 VMs all begin soon.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._batches: deque[Batch[Any]] = deque()  # those for which VMs wait, the one whose turn comes next first

    def add(self, actor: Actor) -> None:
        """The actor has a job. Either it is noted, or nothing is changed and MemoryError raised."""
        batch = actor.jobs[0].batch
        batch.waiting.append(actor)
        if len(batch.waiting) == 1:
            try:
                self._batches.append(batch)
            except MemoryError:
                batch.waiting.pop()
                raise
        actor.turn = batch

    def remove(self, actor: Actor) -> None:
        """What it waited for is withdrawn."""
        batch, actor.turn = actor.turn, None
        if batch is not None:
            batch.waiting.remove(actor)
            if not batch.waiting:
                self._batches.remove(batch)

    def any(self, *, brief: bool) -> bool:
        """Whether there is one to take; see `take`."""
        return self._find(brief) is not None

    def take(self, now: float, *, brief: bool) -> Actor | None:
        """The next VM; with `brief` of those only whose job is a brief one. None: there is none."""
        index = self._find(brief)
        if index is None:
            return None
        self._batches.rotate(-index)
        batch = self._batches[0]
        actor = batch.waiting.popleft()
        actor.turn = None
        batch.moved = now if batch.under_way == 0 else batch.moved
        batch.under_way += 1
        if not batch.waiting:
            self._batches.popleft()
        else:
            try:  # noqa: SIM105  # `suppress` needs memory itself
                self._batches.rotate(-1)
            except MemoryError:  # the same one has another turn
                pass
        return actor

    def ended(self, batch: Batch[Any], now: float) -> None:
        """A job that was taken is over."""
        batch.under_way -= 1
        batch.moved = now

    def grow(self, now: float) -> None:
        """Let batches have more jobs under way that wait for long for one to end."""
        for batch in self._batches:
            if batch.under_way >= self._most(batch) and now - batch.moved >= GROW_SECONDS:
                batch.moved = now
                batch.more += batch.under_way

    def _most(self, batch: Batch[Any]) -> int:
        return self._count + batch.more

    def _find(self, brief: bool) -> int | None:
        for index, batch in enumerate(self._batches):
            if (batch.brief or not brief) and batch.under_way < self._most(batch):
                return index
        return None
