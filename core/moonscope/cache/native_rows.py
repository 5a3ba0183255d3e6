"""Records of the C part become rows of the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .. import _native
from ..model import (
    CacheMode,
    Counters,
    FileRow,
    GenerationRow,
    GenerationState,
    LoadEvent,
    LuaVersion,
    Outcome,
    Tier,
    VMRow,
    VMState,
)
from ..model.names import printable, to_text

if TYPE_CHECKING:
    from .._native._moonscope import EventRecord, FileRecord, GenerationRecord, Totals, VMRecord

LUAS = tuple(LuaVersion)
MODES = tuple(map(CacheMode, _native.MODES))
OUTCOMES = tuple(map(Outcome, _native.OUTCOMES))
STATES = tuple(map(GenerationState, _native.STATES))

_LUA_BITS = 8  # generation ids of all caches are one space: the C part's id * 8 + the number of the Lua


def global_id(native: int, lua: LuaVersion) -> int:
    """The number of a generation in the whole engine, from `native`, which is unique for each Lua only."""
    return native * _LUA_BITS + LUAS.index(lua)


def native_id(generation: int) -> tuple[int, LuaVersion] | None:
    """The C part's id and the Lua of a generation id; None when no cache can have given it."""
    native, lua = divmod(generation, _LUA_BITS)
    return (native, LUAS[lua]) if 0 < native < 1 << 64 and lua < len(LUAS) else None


def lua_of(generation: int) -> LuaVersion:
    """Of a generation id that a cache has given."""
    return LUAS[generation % _LUA_BITS]


def counters(record: FileRecord | VMRecord | Totals) -> Counters:
    """The counts of loads in a native row, by outcome."""
    return Counters(record.hits, record.misses, record.bypasses, record.races, record.errors)


def file_row(lua: LuaVersion, record: FileRecord) -> FileRow:
    """`aliases` and `stale` are not known here."""
    return FileRow(
        lua=lua,
        key=to_text(record.key),
        generation=global_id(record.generation, lua) if record.generation else None,
        counters=counters(record),
        last_load=record.last_load,
        retired=record.retired,
        error=printable(record.error),
    )


def generation_row(
    lua: LuaVersion, record: GenerationRecord, prototypes: int | None = None, digest: str = ""
) -> GenerationRow:
    """`prototypes`: counted by the caller; None: as the tier knows them, or 0."""
    key = to_text(record.key)
    return GenerationRow(
        id=global_id(record.id, lua),
        lua=lua,
        key=key,
        state=STATES[record.state],
        tier=Tier(record.tier),
        prototypes=record.prototypes if prototypes is None else prototypes,
        source_bytes=record.source_bytes,
        shared_bytes=record.shared_bytes,
        unshared_bytes=record.unshared_bytes,
        private_bytes=record.private_bytes,
        holders=record.holders,
        conflicts=record.conflicts,
        conflict_bytes=record.conflict_bytes,
        conflict_tier=Tier(record.conflict_tier),
        hits=record.hits,
        created=record.created,
        compile_us=record.compile_us,
        path=key if record.path == record.key else to_text(record.path),
        inode=record.inode,
        mtime=record.mtime,
        digest=digest,
    )


def vm_row(lua: LuaVersion, record: VMRecord, tier: Tier) -> VMRow:
    """What the cache knows of a VM."""
    return VMRow(
        id=record.id,
        lua=lua,
        state=VMState.IDLE,
        mode=MODES[record.mode],
        tier=tier,
        memory=record.memory,
        memory_peak=record.memory_peak,
        counters=counters(record),
        generations=record.generations,
        conflicts=record.conflicts,
    )


def load_events(found: Iterable[tuple[LuaVersion, EventRecord]], serials: Iterator[int]) -> list[LoadEvent]:
    """Thousands at a time, in one loop. The serials are the engine's: each cache numbers its own events."""
    numbers = {lua: number for number, lua in enumerate(LUAS)}
    names: dict[bytes, str] = {}  # few files, many loads
    events = []
    for lua, (_, time, vm, key, outcome, duration, size, generation) in found:
        if key not in names:
            names[key] = to_text(key)
        event = LoadEvent(
            serial=next(serials),
            time=time,
            lua=lua,
            vm=vm,
            key=names[key],
            outcome=OUTCOMES[outcome],
            duration_us=duration,
            bytes=size,
            generation=generation * _LUA_BITS + numbers[lua] if generation else None,
        )
        events.append(event)
    return events
