"""The rows of an engine, read from the C part: what changed since the last time, and no more than that."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from .. import bytecode
from ..cache.code_cache import CodeCache
from ..cache.native_rows import MODES, file_row, generation_row, vm_row
from ..errors import BytecodeError, NotFoundError
from ..model import CacheMode, FileRow, GenerationRow, Libraries, LuaVersion, Sharing, Tier, Update, VMRow
from ..model.names import to_text
from ..vms.mailbox import Actor
from .disk import Disk
from .heap import fitted

if TYPE_CHECKING:
    from .._native._moonscope import Cache, FileTuple, GenerationTuple, VMTuple


COUNTED_AT_ONCE = 64  # dumps read for their prototypes by one `measure`: 16 ms

FileKey = tuple[LuaVersion, str]


class _Delta:
    """What one reading found. Rows by key: of several changes the last one counts."""

    def __init__(self) -> None:
        self.files: dict[FileKey, FileRow] = {}
        self.files_gone: set[FileKey] = set()
        self.generations: dict[int, GenerationRow] = {}
        self.generations_gone: set[int] = set()
        self.vms: set[int] = set()  # to be looked at

    def update(self, vms: Iterable[VMRow], vms_gone: Iterable[int]) -> Update:
        return Update(
            revision=0,
            files=tuple(self.files.values()),
            files_gone=tuple(self.files_gone - self.files.keys()),
            generations=tuple(self.generations.values()),
            generations_gone=tuple(self.generations_gone),
            vms=tuple(vms),
            vms_gone=tuple(vms_gone),
        )


class Census:
    """Keeps the rows as they were told last. `delta` and `measure` are each for one caller at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._followed: dict[LuaVersion, tuple[Cache, int]] = {}  # the cache that was read, up to which revision
        self._files: dict[FileKey, FileRow] = {}
        self._generations: dict[int, GenerationRow] = {}
        self._vms: dict[int, VMRow] = {}
        self._records: dict[int, tuple[CodeCache, VMTuple]] = {}  # VMs as their cache sees them
        self._actors: dict[int, Actor] = {}
        self._abandoned: set[int] = set()  # VMs that are in no list though their cache has them
        self._uncounted: deque[tuple[LuaVersion, int]] = deque()  # generations whose tier does not know its prototypes
        self._counted: deque[tuple[int, int]] = deque()

    def measure(self, caches: Iterable[CodeCache], limit: int = COUNTED_AT_ONCE) -> bool:
        """Find out what generations take and how many prototypes those have that `delta` saw; the next `delta` tells.

        Apart from it, because those who wait for a load should not wait for this too. False: `limit` counts were not
        enough.
        """
        by_lua = {cache.lua: cache for cache in caches}
        for cache in by_lua.values():
            cache.measure()
        for _ in range(min(limit, len(self._uncounted))):
            lua, id = self._uncounted.popleft()
            self._counted.append((id, _count(by_lua[lua], id)))
        return not self._uncounted

    def delta(self, caches: Iterable[CodeCache], actors: Iterable[tuple[Actor, bool]]) -> Update:
        """The rows that are new or changed, and those that are gone.

        `actors` are the VMs of the pool of which something is different, each with whether the pool still has it.
        """
        delta = _Delta()
        for cache in caches:
            self._read(cache, delta)
        self._take_counts(delta)
        self._take_disk(delta)
        for actor, alive in actors:
            delta.vms.add(actor.id)
            if alive:
                self._actors[actor.id] = actor
            else:
                self._actors.pop(actor.id, None)
                if actor.abandoned:
                    self._abandoned.add(actor.id)
        return delta.update(*self._compare_vms(delta.vms))

    def _read(self, cache: CodeCache, delta: _Delta) -> None:
        native = cache.native
        before, since = self._followed.get(cache.lua, (native, 0))
        found = native.changes(since if before is native else 0)
        revision, whole, files, files_gone, generations, generations_gone, vms, vms_gone = found
        self._followed[cache.lua] = (native, revision)
        lua = cache.lua
        if whole:
            lost_files = {key for key in self._files if key[0] is lua}
            lost_generations = {id for id, row in self._generations.items() if row.lua is lua}
            lost_vms = {id for id, (owner, _) in self._records.items() if owner is cache}
        else:
            lost_files = {(lua, to_text(key)) for key in files_gone}
            lost_generations = {cache.id_of(id) for id in generations_gone}
            lost_vms = set(vms_gone)
        # What is gone comes first: a key may have gone and come back.
        lost_generations -= {cache.id_of(row[0]) for row in generations}
        self._drop(delta, lost_files, lost_generations)
        for id in lost_vms - {vm[0] for vm in vms}:
            self._records.pop(id, None)
            self._abandoned.discard(id)
            delta.vms.add(id)
        for generation in generations:
            self._note_generation(cache, generation, delta)
        for file in files:
            self._note_file(lua, file, delta)
        for vm in vms:
            self._records[vm[0]] = (cache, vm)
            delta.vms.add(vm[0])

    def _drop(self, delta: _Delta, files: set[FileKey], generations: set[int]) -> None:
        for key in files:
            if self._files.pop(key, None) is not None:
                delta.files_gone.add(key)
        for id in generations:
            if self._generations.pop(id, None) is not None:
                delta.generations_gone.add(id)
                self._disk.remove(id)
        self._files, self._generations = fitted(self._files), fitted(self._generations)

    def _note_generation(self, cache: CodeCache, generation: GenerationTuple, delta: _Delta) -> None:
        id = cache.id_of(generation[0])
        known = self._generations.get(id)
        row = generation_row(cache.lua, generation, known.prototypes if known else None, self._disk.digest(id))
        if known is None and not row.prototypes:
            self._uncounted.append((cache.lua, id))
        self._disk.update(row)
        self._generations[id] = delta.generations[id] = row

    def _note_file(self, lua: LuaVersion, file: FileTuple, delta: _Delta) -> None:
        row = file_row(lua, file)
        if row.generation is not None:
            aliases, stale = self._disk.state(row.generation)
            generation = self._generations.get(row.generation)
            key = generation.key if generation is not None else row.key  # the same text, in memory once
            row = replace(row, key=key, aliases=aliases, stale=stale)
        self._files[lua, row.key] = delta.files[lua, row.key] = row

    def _take_counts(self, delta: _Delta) -> None:
        while self._counted:
            id, count = self._counted.popleft()
            if count and (row := self._generations.get(id)) is not None:
                self._generations[id] = delta.generations[id] = replace(row, prototypes=count)

    def _take_disk(self, delta: _Delta) -> None:
        """What the last look at the disk found out."""
        for id in self._disk.take_changed():
            generation = self._generations.get(id)
            if generation is None:
                continue
            digest = self._disk.digest(id)
            if digest != generation.digest:
                self._generations[id] = delta.generations[id] = replace(generation, digest=digest)
            key = (generation.lua, generation.key)
            file = self._files.get(key)
            if file is not None and file.generation == id:
                aliases, stale = self._disk.state(id)
                self._files[key] = delta.files[key] = replace(file, aliases=aliases, stale=stale)

    def _compare_vms(self, ids: Iterable[int]) -> tuple[list[VMRow], list[int]]:
        rows, gone = [], []
        for id in ids:
            row = self._vm(id)
            if row is None:
                if self._vms.pop(id, None) is not None:
                    gone.append(id)
            elif row != self._vms.get(id):
                self._vms[id] = row
                rows.append(row)
        return rows, gone

    def _vm(self, id: int) -> VMRow | None:
        actor = self._actors.get(id)
        cache, vm = self._records.get(id, (None, None))
        if id in self._abandoned:
            return None
        if actor is None:  # a VM of the program that runs the engine
            return vm_row(cache.lua, vm, cache.tier) if cache is not None and vm is not None else None
        tier = Tier.OFF if actor.options.sharing is Sharing.OFF or cache is None else cache.tier
        now = actor.now
        task, stuck = (now.task, now.stuck_in) if now is not None else ("", "")
        return vm_row(
            actor.options.lua, vm or _unborn(actor), tier, actor.options.libraries or Libraries.ALL, actor.state,
            actor.options.memory_cap, len(actor.jobs), task, stuck, actor.created, actor.failure,
        )  # fmt: skip


def _count(cache: CodeCache, generation: int) -> int:
    """The prototypes of a generation; 0 when the dump cannot be read."""
    try:
        return bytecode.count_prototypes(cache.payload(generation), cache.lua)
    except (BytecodeError, NotFoundError):
        return 0


def _unborn(actor: Actor) -> VMTuple:
    return (actor.id, 0, 0, 0, 0, 0, 0, 0, 0, MODES.index(actor.options.mode or CacheMode.ON), 0)
