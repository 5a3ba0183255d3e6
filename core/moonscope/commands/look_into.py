from __future__ import annotations

from ..errors import MoonscopeError
from ..model import Context, LookLevel, LookStep
from .command import Command, Services


class LookInto(Command[LookLevel], frozen=True):
    """What is in a VM, one level: entries of the value that `path` leads to (empty: where paths begin)."""

    vm: int
    path: tuple[LookStep, ...] = ()
    offset: int = 0
    limit: int = 200  # at most 500

    def perform(self, engine: Services, context: Context) -> LookLevel:
        outcomes = engine.pool.each(
            (self.vm,), "look", lambda vm, _: vm.look(self.path, self.offset, self.limit), brief=True, context=context
        )
        outcome = outcomes[self.vm]
        if isinstance(outcome, MoonscopeError):
            raise outcome
        return outcome
