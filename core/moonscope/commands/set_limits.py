from __future__ import annotations

from ..model import Context
from .command import Command, Services


class SetLimits(Command[None], frozen=True):
    """How much the cache of each Lua may store, 0: no limit; see `CodeCache.set_limits`."""

    in_turn = False
    may_wait = False

    cache_bytes: int = 0
    cache_files: int = 0

    def perform(self, engine: Services, context: Context) -> None:
        engine.caches.set_limits(self.cache_bytes, self.cache_files)
        engine.change_log.set(cache_bytes=self.cache_bytes, cache_files=self.cache_files)
