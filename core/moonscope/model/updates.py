"""What happened, and what changed since somebody last asked."""

from __future__ import annotations

from msgspec import Struct

from .rows import Counters, FileRow, GenerationRow, VMRow
from .words import CacheMode, Libraries, LuaVersion, Outcome, Sharing, Tier


class LoadEvent(Struct, frozen=True, kw_only=True, gc=False):  # plain values, by the ten thousand
    """One load, as the native ring recorded it.

    All loads are told but hits: of these the first of each generation in a VM, and each 16th of the others. Counters
    count them all.
    """

    serial: int
    time: float
    lua: LuaVersion
    vm: int
    key: str
    outcome: Outcome
    duration_us: float
    bytes: int  # of the cached payload; 0 when none was used
    generation: int | None = None


class OutputEvent(Struct, frozen=True, kw_only=True):
    """Text a VM printed."""

    serial: int
    time: float
    vm: int
    text: str


class Mark(Struct, frozen=True, kw_only=True):
    """Something worth a line on the time axis. kind: spawn, close, clear, evict, collect, interrupt, failure, exit."""

    serial: int
    time: float
    kind: str
    text: str


class Sample(Struct, frozen=True, kw_only=True):
    """One reading of the sampler."""

    time: float
    shared_bytes: int = 0
    retained_bytes: int = 0  # of the shared bytes: those of retired generations
    private_bytes: int = 0  # all memory of all VMs
    unshared_bytes: int = 0  # what the same VMs would hold without the cache
    overhead_bytes: int = 0  # what the C allocator takes beyond shared and private, records of the cache, rows told
    vms: int = 0
    files: int = 0  # with a current generation: what a load finds in the cache
    counters: Counters = Counters()
    rss_bytes: int = 0
    dropped: int = 0  # load events lost because the ring was full
    lowered: int = 0  # generations of a lower tier than their cache's, which cannot hold that function
    evicted: int = 0  # files taken out of the caches, ever, because of their limits
    abandoned_vms: int = 0  # given up since they could not be ended; they are in no list, and not among `vms`
    abandoned_bytes: int = 0  # of the private bytes: theirs, leaked until they return


class Settings(Struct, frozen=True, kw_only=True):
    """What holds for the whole engine."""

    default_mode: CacheMode = CacheMode.ON
    default_libraries: Libraries = Libraries.ALL
    default_sharing: Sharing = Sharing.AUTO  # of VMs that are spawned with AUTO; AUTO: the best
    interval: float = 0.25  # seconds between samples
    workers: int = 2
    cache_bytes: int = 0  # limits of each cache, see `CodeCache`; 0: none
    cache_files: int = 0
    max_workers: int = 1024  # scripts that may be under way at once
    version: str = ""
    pid: int = 0
    luas: tuple[tuple[LuaVersion, str], ...] = ()  # (version, exact release) that can be used here
    tiers: tuple[tuple[LuaVersion, Tier, str], ...] = ()  # the best tier of each of them, and why not a better one


class Update(Struct, frozen=True, kw_only=True):
    """Everything that changed since `since`; with `since == 0` it is a whole snapshot.

    Rows replace rows with the same id (files: (lua, key)). Streams (`loads`, `output`, `marks`, `samples`)
    hold only what is new. A receiver that gets `reset` forgets all rows first.
    """

    revision: int
    since: int = 0
    reset: bool = False
    settings: Settings | None = None  # sent when changed
    files: tuple[FileRow, ...] = ()
    files_gone: tuple[tuple[LuaVersion, str], ...] = ()
    generations: tuple[GenerationRow, ...] = ()
    generations_gone: tuple[int, ...] = ()
    vms: tuple[VMRow, ...] = ()
    vms_gone: tuple[int, ...] = ()
    loads: tuple[LoadEvent, ...] = ()
    output: tuple[OutputEvent, ...] = ()
    marks: tuple[Mark, ...] = ()
    samples: tuple[Sample, ...] = ()
