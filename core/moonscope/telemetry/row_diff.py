"""The rows of an engine, read from the C part: what changed since the last time, and no more than that."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic

from msgspec.structs import replace

from .. import bytecode
from ..cache.code_cache import CodeCache
from ..cache.native_rows import file_row, generation_row, lua_of, vm_row
from ..errors import BytecodeError, NotFoundError
from ..model import CacheMode, FileRow, GenerationRow, Libraries, LuaVersion, Sharing, Tier, Update, VMRow
from ..model.names import to_text
from ..model.tables import FILES, GENERATIONS, VMS, FileKey, K, R
from ..vms.mailbox import Actor
from .change_log import ChangeLog, TableLog
from .disk import Disk

if TYPE_CHECKING:
    from .._native._moonscope import Cache, FileRecord, GenerationRecord, VMRecord

COUNTED_AT_ONCE = 64  # dumps read for their prototypes by one `measure`: 16 ms


class _Reading(Generic[K, R]):
    """One table: what a reading found, over what was recorded before. Of several changes of a row the last counts."""

    def __init__(self, known: TableLog[K, R]) -> None:
        self._known = known
        self.rows: dict[K, R] = {}
        self.gone: set[K] = set()

    def get(self, key: K) -> R | None:
        return self.rows.get(key) or (None if key in self.gone else self._known.get(key))

    def known(self) -> set[K]:
        return set(self._known.keys())

    def gone_now(self) -> tuple[K, ...]:
        return tuple(key for key in self.gone - self.rows.keys() if self._known.get(key) is not None)


class RowDiff:
    """Reads the C part and the pool: rows that are new or changed since the last time, and which are gone.

    `changes` and `measure` are each for one caller at a time, and `changes` for whoever writes the change log.
    """

    def __init__(self, log: ChangeLog, disk: Disk) -> None:
        self._log = log
        self._disk = disk
        self._followed: dict[LuaVersion, tuple[Cache, int]] = {}  # the cache that was read, up to which revision
        self._records: dict[int, tuple[CodeCache, VMRecord]] = {}  # VMs as their cache sees them
        self._actors: dict[int, Actor] = {}
        self._abandoned: set[int] = set()  # VMs that are in no list though their cache has them
        self._uncounted: deque[tuple[LuaVersion, int]] = deque()  # generations whose tier does not know its prototypes
        self._counted: deque[tuple[int, int]] = deque()

    def measure(self, caches: Iterable[CodeCache], limit: int = COUNTED_AT_ONCE) -> bool:
        """Find out what generations take and how many prototypes those have that `changes` saw; the next one tells.

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

    def changes(self, caches: Iterable[CodeCache], actors: Iterable[tuple[Actor, bool]]) -> Update:
        """`actors` are the VMs of the pool of which something is different, each with whether the pool still has it."""
        files = _Reading(self._log.table(FILES))
        generations = _Reading(self._log.table(GENERATIONS))
        vms: set[int] = set()  # to be looked at
        for cache in caches:
            self._read(cache, files, generations, vms)
        while self._counted:
            id, count = self._counted.popleft()
            if count and (generation := generations.get(id)) is not None:
                generations.rows[id] = replace(generation, prototypes=count)
        self._take_disk(files, generations)
        for actor, alive in actors:
            vms.add(actor.id)
            if alive:
                self._actors[actor.id] = actor
            else:
                self._actors.pop(actor.id, None)
                if actor.abandoned:
                    self._abandoned.add(actor.id)
        found = {id: self._vm(id) for id in vms}
        known = self._log.table(VMS)
        return Update(
            revision=0,
            files=tuple(files.rows.values()),
            files_gone=files.gone_now(),
            generations=tuple(generations.rows.values()),
            generations_gone=generations.gone_now(),
            vms=tuple(row for id, row in found.items() if row is not None and row != known.get(id)),
            vms_gone=tuple(id for id, row in found.items() if row is None and known.get(id) is not None),
        )

    def all_rows(self, caches: Iterable[CodeCache], actors: Iterable[tuple[Actor, bool]]) -> Update:
        """As `changes`, when a reading failed and what it took is lost: all rows, and all that are not there."""
        self._followed.clear()
        self._records.clear()
        self._actors.clear()
        self._abandoned.clear()
        gone = {actor.id for actor, alive in actors if not alive}
        lost = self._log.table(VMS).keys()
        rows = self.changes(caches, actors)
        there = self._records.keys() | self._actors.keys()
        return replace(rows, vms_gone=tuple(gone | (lost - there)))

    def _read(
        self,
        cache: CodeCache,
        files: _Reading[FileKey, FileRow],
        generations: _Reading[int, GenerationRow],
        vms: set[int],
    ) -> None:
        native, lua = cache.native, cache.lua
        before, since = self._followed.get(lua, (native, 0))
        found = native.changes(since if before is native else 0)
        self._followed[lua] = (native, found.revision)
        if found.whole:
            files.gone |= {key for key in files.known() if key[0] is lua}
            lost = {id for id in generations.known() if lua_of(id) is lua}
            lost_vms = {id for id, (owner, _) in self._records.items() if owner is cache}
        else:
            files.gone |= {(lua, to_text(key)) for key in found.files_gone}
            lost = {cache.id_of(id) for id in found.generations_gone}
            lost_vms = set(found.vms_gone)
        # What is gone comes first: a key may have gone and come back.
        for id in lost - {cache.id_of(generation.id) for generation in found.generations}:
            generations.gone.add(id)
            self._disk.remove(id)
        for id in lost_vms - {vm.id for vm in found.vms}:
            self._records.pop(id, None)
            self._abandoned.discard(id)
            vms.add(id)
        for record in found.generations:
            self._note_generation(cache, record, generations)
        for file in found.files:
            row = self._file(lua, file, generations)
            files.rows[lua, row.key] = row
        for vm in found.vms:
            self._records[vm.id] = (cache, vm)
            vms.add(vm.id)

    def _note_generation(
        self, cache: CodeCache, record: GenerationRecord, generations: _Reading[int, GenerationRow]
    ) -> None:
        id = cache.id_of(record.id)
        known = generations.get(id)
        row = generation_row(cache.lua, record, known.prototypes if known else None, self._disk.digest(id))
        if known is None and not row.prototypes:
            self._uncounted.append((cache.lua, id))
        self._disk.update(row)
        generations.rows[id] = row

    def _file(self, lua: LuaVersion, record: FileRecord, generations: _Reading[int, GenerationRow]) -> FileRow:
        row = file_row(lua, record)
        if row.generation is None:
            return row
        aliases, stale = self._disk.state(row.generation)
        generation = generations.get(row.generation)
        key = generation.key if generation is not None else row.key  # the same text, in memory once
        return replace(row, key=key, aliases=aliases, stale=stale)

    def _take_disk(self, files: _Reading[FileKey, FileRow], generations: _Reading[int, GenerationRow]) -> None:
        """What the last look at the disk found out."""
        for id in self._disk.take_changed():
            generation = generations.get(id)
            if generation is None:
                continue
            digest = self._disk.digest(id)
            if digest != generation.digest:
                generations.rows[id] = replace(generation, digest=digest)
            key = (generation.lua, generation.key)
            file = files.get(key)
            if file is not None and file.generation == id:
                aliases, stale = self._disk.state(id)
                files.rows[key] = replace(file, aliases=aliases, stale=stale)

    def _vm(self, id: int) -> VMRow | None:
        """None: it is in no list."""
        if id in self._abandoned:
            return None
        cache, record = self._records.get(id, (None, None))
        actor = self._actors.get(id)
        if actor is not None:
            tier = Tier.OFF if actor.options.sharing is Sharing.OFF or cache is None else cache.tier
            return _pool_vm_row(actor, record, tier)
        return vm_row(cache.lua, record, cache.tier) if cache is not None and record is not None else None


def _count(cache: CodeCache, generation: int) -> int:
    """The prototypes of a generation; 0 when the dump cannot be read."""
    try:
        return bytecode.count_prototypes(cache.payload(generation), cache.lua)
    except (BytecodeError, NotFoundError):
        return 0


def _pool_vm_row(actor: Actor, record: VMRecord | None, tier: Tier) -> VMRow:
    """What the pool and the cache know of a VM; without a record, it is not made yet."""
    options, now = actor.options, actor.now
    row = (
        vm_row(options.lua, record, tier)
        if record is not None
        else VMRow(id=actor.id, lua=options.lua, state=actor.state, mode=options.mode or CacheMode.ON, tier=tier)
    )
    return replace(
        row,
        state=actor.state,
        libraries=options.libraries or Libraries.ALL,
        memory_cap=options.memory_cap,
        queued=len(actor.jobs),
        task=now.task if now is not None else "",
        stuck=now.stuck_in if now is not None else "",
        created=actor.created,
        failure=actor.failure,
    )
