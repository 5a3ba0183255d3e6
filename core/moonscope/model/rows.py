"""What there is, one row each: cached files, their generations, VMs."""

from __future__ import annotations

from msgspec import Struct

from .runs import LuaFailure
from .words import CacheMode, GenerationState, Libraries, LuaVersion, Tier, VMState


class Counters(Struct, frozen=True):
    """Loads by outcome."""

    hits: int = 0
    misses: int = 0
    bypasses: int = 0
    races: int = 0
    errors: int = 0

    @property
    def loads(self) -> int:
        """The number of loads, whatever their outcome."""
        return self.hits + self.misses + self.bypasses + self.races + self.errors

    @property
    def hit_rate(self) -> float:
        """Hits as a share of all loads, 0.0 – 1.0; 0.0 when nothing was loaded."""
        return self.hits / self.loads if self.loads else 0.0


class FileRow(Struct, frozen=True, kw_only=True):
    """One key of the cache: a file name exactly as a VM gave it."""

    lua: LuaVersion
    key: str
    generation: int | None = None  # id of the current generation, None when cleared or never stored
    counters: Counters = Counters()
    last_load: float = 0.0  # 0.0: never
    retired: int = 0  # retired generations of this key that holders keep
    aliases: int = 0  # other keys that name the same file on disk
    stale: str = ""  # "", "changed" or "deleted": the disk against the current generation
    error: str = ""  # text of the last error, "" once it loads again


class GenerationRow(Struct, frozen=True, kw_only=True):
    """One compiled version of one key."""

    id: int
    lua: LuaVersion
    key: str
    state: GenerationState
    tier: Tier
    prototypes: int
    source_bytes: int
    shared_bytes: int  # held once for the process; without the short strings that files have in common
    unshared_bytes: int  # what one VM holds when it loads the file plainly (0: not measured yet)
    private_bytes: int  # what one VM holds with this tier
    holders: int  # VMs that loaded it and are not closed
    hits: int
    created: float
    compile_us: float
    path: str = ""  # resolved at compile time
    inode: int = 0
    mtime: float = 0.0
    digest: str = ""  # of the source, hex
    # Tier `direct`: a VM that had a word of its own before a file with it was frozen must not run the one prototype.
    conflicts: int = 0  # holders of which that is true
    conflict_tier: Tier = Tier.GRAFT  # what those have instead; `bytecode` with more constants than a graft can have
    conflict_bytes: int = 0  # what one of those holds

    @property
    def saved_bytes(self) -> int | None:
        """What its holders would hold without the cache, less what they and the cache hold; None: not measured yet.
        May be negative."""
        if not self.unshared_bytes:
            return None
        private = (self.holders - self.conflicts) * self.private_bytes + self.conflicts * self.conflict_bytes
        return self.holders * self.unshared_bytes - private - self.shared_bytes


class VMRow(Struct, frozen=True, kw_only=True):
    id: int
    lua: LuaVersion
    state: VMState
    mode: CacheMode
    tier: Tier
    libraries: Libraries | None = None  # None: of a runtime that the program made which runs the engine
    memory: int = 0  # bytes its allocator holds now
    memory_peak: int = 0
    memory_cap: int | None = None
    counters: Counters = Counters()
    generations: int = 0  # generations it holds
    conflicts: int = 0  # of them, those that it has otherwise than its tier says; see GenerationRow.conflicts
    queued: int = 0  # jobs in its mailbox
    task: str = ""  # what it runs now
    stuck: str = ""  # what it was found to be inside, such as "os.execute", when it was told to end and did not
    created: float = 0.0
    failure: LuaFailure | None = None
