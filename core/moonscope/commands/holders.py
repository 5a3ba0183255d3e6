from __future__ import annotations

from ..model import Context
from .command import Command, Services


class Holders(Command[tuple[int, ...]], frozen=True):
    """The ids of the VMs that hold a generation."""

    in_turn = False
    holds_others = False
    may_wait = False

    generation: int

    def perform(self, engine: Services, context: Context) -> tuple[int, ...]:
        return engine.caches.of_generation(self.generation).holders(self.generation)
