"""The rows of an engine, read from the C part: only those that changed are made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import bytecode
from .cache import CodeCache
from .disk import Disk
from .errors import BytecodeError, NotFoundError
from .mailbox import Actor
from .model import CacheMode, FileRow, GenerationRow, LuaVersion, Sharing, Tier, Update, VMRow
from .names import to_text
from .rows import MODES, file_row, generation_row, global_id, vm_row

if TYPE_CHECKING:
    from ._native._moonscope import VMTuple


COUNTED_AT_ONCE = 64  # dumps read for their prototypes by one `measure`: 16 ms


class Census:
    """Compares what there is now with what it saw last. `delta` and `measure` are each for one caller at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._files: dict[tuple[LuaVersion, bytes], Any] = {}
        self._generations: dict[int, Any] = {}
        self._vms: dict[int, Any] = {}
        self._prototypes: dict[int, int] = {}  # of generations whose tier does not know; replaced, never changed

    def measure(self, caches: Iterable[CodeCache], limit: int = COUNTED_AT_ONCE) -> bool:
        """Find out what generations take and how many prototypes those have that `delta` saw; the next `delta` tells.

        Apart from it, because those who wait for a load should not wait for this too. False: `limit` counts were not
        enough.
        """
        counted: dict[int, int] = {}
        by_lua = {cache.lua: cache for cache in caches}
        for cache in by_lua.values():
            cache.measure()
        for id, (lua, generation, *_) in self._generations.items():
            if generation[14]:
                continue
            if id in self._prototypes:
                counted[id] = self._prototypes[id]
            elif limit > 0 and lua in by_lua:  # else its cache was made after `caches` was: next time
                limit -= 1
                counted[id] = _count(by_lua[lua], id)
        self._prototypes = counted
        return limit > 0

    def delta(self, caches: Iterable[CodeCache], actors: Iterable[Actor]) -> Update:
        """The rows that are new or changed, and those that are gone."""
        caches = list(caches)
        files, files_gone = self._compare_files(caches)
        generations, generations_gone = self._compare_generations(caches)
        vms, vms_gone = self._compare_vms(caches, actors)
        return Update(
            revision=0,
            files=tuple(files),
            files_gone=tuple((lua, to_text(key)) for lua, key in files_gone),
            generations=tuple(generations),
            generations_gone=tuple(generations_gone),
            vms=tuple(vms),
            vms_gone=tuple(vms_gone),
        )

    def _compare_files(self, caches: list[CodeCache]) -> tuple[list[FileRow], set[tuple[LuaVersion, bytes]]]:
        now = {}
        for cache in caches:
            for file in cache.native.files():
                disk = self._disk.state(global_id(file[1], cache.lua)) if file[1] else (0, "")
                now[cache.lua, file[0]] = (cache.lua, file, *disk)
        rows, gone = _changed(self._files, now, file_row)
        self._files = now
        return rows, gone

    def _compare_generations(self, caches: list[CodeCache]) -> tuple[list[GenerationRow], set[int]]:
        now = {}
        for cache in caches:
            for generation in cache.native.generations():
                id = cache.id_of(generation[0])
                now[id] = (cache.lua, generation, self._prototypes.get(id), self._disk.digest(id))
        rows, gone = _changed(self._generations, now, generation_row)
        self._generations = now
        return rows, gone

    def _compare_vms(self, caches: list[CodeCache], actors: Iterable[Actor]) -> tuple[list[VMRow], set[int]]:
        now: dict[int, Any] = {}
        records = {vm[0]: (cache, vm) for cache in caches for vm in cache.native.vms()}
        for actor in actors:
            cache, vm = records.pop(actor.id, (None, _unborn(actor)))
            tier = Tier.OFF if actor.options.sharing is Sharing.OFF or not cache else cache.tier
            task = actor.now.task if actor.now is not None else ""
            now[actor.id] = (
                actor.options.lua, vm, tier, actor.state, actor.options.memory_cap, len(actor.jobs), task,
                actor.created, actor.failure,
            )  # fmt: skip
        for id, (cache, vm) in records.items():  # VMs of the program that runs the engine
            now[id] = (cache.lua, vm, cache.tier)
        rows, gone = _changed(self._vms, now, vm_row)
        self._vms = now
        return rows, gone


def _count(cache: CodeCache, generation: int) -> int:
    """The prototypes of a generation; 0 when the dump cannot be read."""
    try:
        return bytecode.count_prototypes(cache.payload(generation), cache.lua)
    except (BytecodeError, NotFoundError):
        return 0


def _changed(before: dict[Any, Any], now: dict[Any, Any], row: Callable[..., Any]) -> tuple[list[Any], set[Any]]:
    rows = [row(*seen) for key, seen in now.items() if before.get(key) != seen]
    return rows, before.keys() - now.keys()


def _unborn(actor: Actor) -> VMTuple:
    return (actor.id, 0, 0, 0, 0, 0, 0, 0, 0, MODES.index(actor.options.mode or CacheMode.ON), 0)
