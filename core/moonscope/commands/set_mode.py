from __future__ import annotations

from ..model import CacheMode, Context
from .command import Command, Services


class SetMode(Command[None], frozen=True):
    """Set the cache mode of VMs; empty `vms`: the default for VMs to come."""

    in_turn = False
    may_wait = False

    mode: CacheMode
    vms: tuple[int, ...] = ()

    def perform(self, engine: Services, context: Context) -> None:
        if self.vms:
            engine.pool.set_mode(self.vms, self.mode)
        else:
            engine.change_log.set(default_mode=self.mode)
