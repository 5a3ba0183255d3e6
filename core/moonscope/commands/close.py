from __future__ import annotations

from ..model import Context
from .command import Command, Services, vms_text


class Close(Command[int], frozen=True):
    """Tear VMs down; running ones are interrupted first. Empty `vms`: all. The answer: how many were closed. An error
    names those that cannot be ended; those that are known for it, by this or by Interrupt, are abandoned."""

    in_turn = False

    vms: tuple[int, ...] = ()

    def perform(self, engine: Services, context: Context) -> int:
        count = engine.pool.close(self.vms or None, context)
        if count:
            engine.recorder.mark("close", vms_text(count))
        return count
