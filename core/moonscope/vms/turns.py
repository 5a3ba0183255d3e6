"""Whose turn it is: VMs that have a job to do, the commands that they are part of in turn."""

from __future__ import annotations

from collections import deque
from typing import Any

from .mailbox import Actor, Batch


class Turns:
    """VMs by the batch of their next job. A command for one VM waits for one job of each other command at most, not for
    all that a command for 1,000 VMs has posted before. The caller holds the lock of the actors."""

    def __init__(self) -> None:
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

    def take(self, *, brief: bool) -> Actor | None:
        """The next VM; with `brief` of those only whose job is a brief one. None: there is none."""
        index = self._find(brief)
        if index is None:
            return None
        self._batches.rotate(-index)
        batch = self._batches[0]
        actor = batch.waiting.popleft()
        actor.turn = None
        if not batch.waiting:
            self._batches.popleft()
        else:
            try:  # noqa: SIM105  # `suppress` needs memory itself
                self._batches.rotate(-1)
            except MemoryError:  # the same one has another turn
                pass
        return actor

    def _find(self, brief: bool) -> int | None:
        return next((index for index, batch in enumerate(self._batches) if batch.brief or not brief), None)
