"""The caches of an engine: one for each Lua, and how its VMs share."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import UnsupportedError, UsageError
from ..model import LuaVersion, Sharing
from . import runtime
from .code_cache import CodeCache, checked_limits, known_lua
from .native_rows import native_id

NO_CHOICE = (Sharing.AUTO, Sharing.OFF)  # any cache will do


class Caches:
    """Made when first asked for. Methods may be called from any thread.

    `default` is what `Sharing.AUTO` stands for; a Lua that cannot share in that way has its best one instead.
    `max_bytes` and `max_files` are limits of each cache.
    Raises UnsupportedError when no Lua here can.
    """

    def __init__(
        self,
        default: Sharing,
        *,
        allow_binary: bool,
        own: bool | None,
        max_bytes: int = 0,
        max_files: int = 0,
    ) -> None:
        libraries = runtime.libraries(own)
        if default not in NO_CHOICE and not any(library.can(default) for library in libraries):
            whys = "; ".join(f"{library.release}: {library.why}" for library in libraries)
            raise UnsupportedError(f"no Lua can share by {default} here ({whys})")
        self._default = default
        self._limits = checked_limits(max_bytes, max_files)
        self._allow_binary = allow_binary
        self._own = own
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._caches: dict[LuaVersion, CodeCache] = {}
        self._spawning: Counter[LuaVersion] = Counter()

    def all(self) -> list[CodeCache]:
        """The caches made so far, one for each Lua."""
        with self._lock:
            return list(self._caches.values())

    def set_limits(self, max_bytes: int, max_files: int) -> None:
        """Of each cache, those to come too; see `CodeCache.set_limits`."""
        with self._lock:
            self._limits = checked_limits(max_bytes, max_files)
            for cache in self._caches.values():
                cache.set_limits(max_bytes, max_files)

    def get(self, lua: LuaVersion | str, sharing: Sharing = Sharing.AUTO) -> CodeCache:
        """The cache of one Lua. How its VMs share is settled by the first who asks; another way can be chosen while
        there are none. Raises UsageError then, and UnsupportedError for what cannot be had."""
        with self._lock:
            return self._get(known_lua(lua), sharing)

    def of_generation(self, generation: int) -> CodeCache:
        """The one that the generation is, or was, in."""
        _, lua = native_id(generation) or (0, LuaVersion.LUA54)
        return self.get(lua)

    @contextmanager
    def spawning(self, lua: LuaVersion, sharing: Sharing) -> Iterator[CodeCache]:
        """As `get`, for VMs that are made meanwhile: the cache is theirs, attached or not yet."""
        with self._lock:
            cache = self._get(lua, sharing)
            self._spawning[lua] += 1
        try:
            yield cache
        finally:
            with self._lock:
                self._spawning[lua] -= 1

    def _get(self, lua: LuaVersion, sharing: Sharing) -> CodeCache:
        cache = self._caches.get(lua)
        if cache is None:
            if sharing in NO_CHOICE:
                can = self._default not in NO_CHOICE and runtime.library(lua, self._own).can(self._default)
                sharing = self._default if can else Sharing.AUTO
            max_bytes, max_files = self._limits
            cache = CodeCache(
                lua, sharing=sharing, allow_binary=self._allow_binary, own=self._own, ids=self._ids,
                max_bytes=max_bytes, max_files=max_files,
            )  # fmt: skip
            self._caches[lua] = cache
        elif sharing in NO_CHOICE or cache.tier == sharing.value:
            return cache
        elif self._spawning[lua] or not cache.begin_anew(sharing):
            raise UsageError(
                f"the VMs of {lua.full_name} share by {cache.tier}; {sharing} can be chosen when none of them is left"
            )
        return cache
