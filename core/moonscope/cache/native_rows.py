"""Tuples of the C part become rows of the model. The order of each tuple is that of `_moonscope.pyi`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..model import (
    CacheMode,
    Counters,
    FileRow,
    GenerationRow,
    GenerationState,
    Libraries,
    LoadEvent,
    LuaFailure,
    LuaVersion,
    Outcome,
    Tier,
    VMRow,
    VMState,
)
from ..model.names import printable, to_text

if TYPE_CHECKING:
    from .._native._moonscope import EventTuple, FileTuple, GenerationTuple, VMTuple

LUAS = tuple(LuaVersion)
MODES = (CacheMode.ON, CacheMode.EXIST, CacheMode.OFF)
WITHOUT = {Libraries.ALL: 0, Libraries.RESTRICTED: 1 + 2 + 4, Libraries.PURE: 1 + 2 + 4 + 8}  # `without` of the C part
OUTCOMES = (Outcome.HIT, Outcome.MISS, Outcome.BYPASS, Outcome.RACE, Outcome.ERROR)
STATES = (GenerationState.CURRENT, GenerationState.RETIRED)

_LUA_BITS = 8  # generation ids of all caches are one space: the C part's id * 8 + the number of the Lua


def global_id(native: int, lua: LuaVersion) -> int:
    return native * _LUA_BITS + LUAS.index(lua)


def native_id(generation: int) -> tuple[int, LuaVersion] | None:
    """The C part's id and the Lua of a generation id; None when no cache can have given it."""
    native, lua = divmod(generation, _LUA_BITS)
    return (native, LUAS[lua]) if 0 < native < 1 << 64 and lua < len(LUAS) else None


def file_row(lua: LuaVersion, file: FileTuple, aliases: int = 0, stale: str = "") -> FileRow:
    key, generation, hits, misses, bypasses, races, errors, last_load, retired, error = file
    return FileRow(
        lua=lua,
        key=to_text(key),
        generation=global_id(generation, lua) if generation else None,
        counters=Counters(hits, misses, bypasses, races, errors),
        last_load=last_load,
        retired=retired,
        aliases=aliases,
        stale=stale,
        error=printable(error),
    )


def generation_row(
    lua: LuaVersion, generation: GenerationTuple, prototypes: int | None = None, digest: str = ""
) -> GenerationRow:
    """`prototypes`: counted by the caller; None: as the tier knows them, or 0."""
    (native, key, state, source, shared, unshared, private, holders, hits, created, compile_us, path, inode, mtime,
     known, tier, conflicts, conflict_bytes, conflict_tier) = generation  # fmt: skip
    text = to_text(key)
    return GenerationRow(
        id=global_id(native, lua),
        lua=lua,
        key=text,
        state=STATES[state],
        tier=Tier(tier),
        prototypes=known if prototypes is None else prototypes,
        source_bytes=source,
        shared_bytes=shared,
        unshared_bytes=unshared,
        private_bytes=private,
        holders=holders,
        conflicts=conflicts,
        conflict_bytes=conflict_bytes,
        conflict_tier=Tier(conflict_tier),
        hits=hits,
        created=created,
        compile_us=compile_us,
        path=text if path == key else to_text(path),
        inode=inode,
        mtime=mtime,
        digest=digest,
    )


def vm_row(
    lua: LuaVersion,
    vm: VMTuple,
    tier: Tier,
    libraries: Libraries | None = None,
    state: VMState = VMState.IDLE,
    memory_cap: int | None = None,
    queued: int = 0,
    task: str = "",
    stuck: str = "",
    created: float = 0.0,
    failure: LuaFailure | None = None,
) -> VMRow:
    id, memory, peak, hits, misses, bypasses, races, errors, generations, mode, conflicts = vm
    return VMRow(
        id=id,
        lua=lua,
        state=state,
        mode=MODES[mode],
        tier=tier,
        libraries=libraries,
        memory=memory,
        memory_peak=peak,
        memory_cap=memory_cap,
        counters=Counters(hits, misses, bypasses, races, errors),
        generations=generations,
        conflicts=conflicts,
        queued=queued,
        task=task,
        stuck=stuck,
        created=created,
        failure=failure,
    )


def load_events(found: Iterable[tuple[LuaVersion, EventTuple]], serials: Iterator[int]) -> list[LoadEvent]:
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
