from __future__ import annotations

from ..errors import MoonscopeError
from ..model import ClosureCount, Context
from .command import Command, Services


class FindClosures(Command[tuple[ClosureCount, ...]], frozen=True):
    """The closures of one prototype, named by its lines: one count for each VM that holds its generation."""

    generation: int
    line: int
    last_line: int

    def perform(self, engine: Services, context: Context) -> tuple[ClosureCount, ...]:
        cache = engine.caches.of_generation(self.generation)
        holders, native = set(cache.holders(self.generation)), cache.native_id(self.generation)
        vms = [actor.id for actor in engine.pool.actors() if actor.id in holders and not actor.closing]
        outcomes = engine.pool.each(
            vms,
            "find closures",
            lambda vm, _: vm.count_closures(native, self.line, self.last_line),
            brief=True,
            context=context,
        )
        return tuple(count for count in outcomes.values() if not isinstance(count, MoonscopeError))
