from __future__ import annotations

from ..model import Context
from .command import Command, Services, vms_text


class Collect(Command[int], frozen=True):
    """A full garbage collection in VMs; empty `vms`: in all. The answer: in how many it was done."""

    vms: tuple[int, ...] = ()

    def perform(self, engine: Services, context: Context) -> int:
        outcomes = engine.pool.each(
            self.vms or None, "collect garbage", lambda vm, _: vm.memory - vm.collect(), context=context
        )
        freed = [outcome for outcome in outcomes.values() if isinstance(outcome, int)]
        engine.recorder.mark("collect", f"{vms_text(len(freed))}, {sum(freed):,} bytes freed")
        return len(freed)
