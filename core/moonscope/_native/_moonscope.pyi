"""The C part as Python sees it. Plain values only; `moonscope.cache` and `moonscope.vms` give them names.

Records are named tuples. Integers that stand for names are positions in the tuples of names below.
"""

from typing import NamedTuple, TypeAlias

LUAS: tuple[str, ...]
"""The `model.LuaVersion` values, then "own 5.4" and "own 5.5" (Moonscope's own runtime); the position is the `lua`
argument below."""

MODES: tuple[str, ...]
"""The `model.CacheMode` values."""
OUTCOMES: tuple[str, ...]
"""The `model.Outcome` values."""
STATES: tuple[str, ...]
"""The `model.GenerationState` values."""

REASON_PERSON: int
REASON_INSTRUCTIONS: int
REASON_TIME: int
REASON_EXIT: int
"""Why a run was ended: somebody asked, the instruction budget, the time budget, os.exit."""
STATUS_OK: int
STATUS_ERROR: int
STATUS_INTERRUPTED: int
"""How a run ended."""
RUN_CHUNK: int
RUN_EXPRESSION: int
RUN_FILE: int
"""What `VM.execute` is given: a chunk, an expression or a chunk, the name of a file to load through the cache."""
WITHOUT_DEBUG: int
WITHOUT_NATIVE: int
WITHOUT_BINARY: int
WITHOUT_SYSTEM: int
"""Parts of the standard libraries, to be added up: the debug library, native code, binary chunks, the system."""

class FileRecord(NamedTuple):
    key: bytes
    generation: int  # the current one; 0: none
    hits: int
    misses: int
    bypasses: int
    races: int
    errors: int
    last_load: float  # 0.0: never
    retired: int  # generations
    error: bytes  # text of the last one; empty once it loads again

class GenerationRecord(NamedTuple):
    id: int
    key: bytes
    state: int
    source_bytes: int
    shared_bytes: int
    unshared_bytes: int
    private_bytes: int
    holders: int
    hits: int
    created: float
    compile_us: float
    path: bytes  # resolved
    inode: int
    mtime: float
    prototypes: int  # 0: the tier does not know
    tier: str
    conflicts: int  # holders that may not run the one prototype of tier direct
    conflict_bytes: int  # private bytes of one of those
    conflict_tier: str

class VMRecord(NamedTuple):
    id: int
    memory: int
    memory_peak: int
    hits: int
    misses: int
    bypasses: int
    races: int
    errors: int
    generations: int  # held
    mode: int
    conflicts: int  # of the generations: those that it has otherwise than by its tier

class EventRecord(NamedTuple):
    serial: int
    time: float
    vm: int
    key: bytes
    outcome: int
    duration_us: float
    bytes: int  # of the payload
    generation: int  # 0: none

class Changes(NamedTuple):
    revision: int
    whole: bool  # everything there is, not only what changed
    files: list[FileRecord]
    files_gone: list[bytes]  # in no order, as the others
    generations: list[GenerationRecord]
    generations_gone: list[int]
    vms: list[VMRecord]
    vms_gone: list[int]

class Totals(NamedTuple):
    hits: int
    misses: int
    bypasses: int
    races: int
    errors: int
    shared_bytes: int  # retired ones and frozen strings included
    retained_bytes: int
    private_bytes: int  # of all VMs
    unshared_bytes: int
    vms: int
    dropped: int  # events
    overhead_bytes: int  # what the C allocator takes beyond what was asked of it, and the cache's records
    evicted: int  # files, by the limits
    lowered: int  # generations of a lower tier than the first
    files: int  # with a current generation

NativeStep: TypeAlias = tuple[int, bytes | int | float]
"""kind (the position in `model.StepKind`), string key, number of the key, address or number; 0 where there is none"""

LookValue: TypeAlias = tuple[int, bytes | bool | int | float | None, int, int]
"""Lua's number of the type, plain value (strings cut to 200 bytes), address, bytes of the whole (strings, userdata)"""

LookFunctionTuple: TypeAlias = tuple[int, int, bytes, int, int, int, bool]
"""kind (0 Lua closure, 1 C closure, 2 light C function), upvalues, source, line, last line, generation id or 0, runs
shared code"""

LookEntryTuple: TypeAlias = tuple[
    int, LookValue | tuple[int, bytes], LookValue, int, bool, bool, bool, LookFunctionTuple | None
]
"""kind of the step to it, its key (not by a key: number and name), value, entries of a table, whether there are more,
metatable, leads on, function"""

LookAnswer: TypeAlias = tuple[int, int, int, int, bool, int, list[LookEntryTuple]]
"""outcome (0 done, 1 a step leads nowhere, 2 too long, 3 interrupted, 4 no memory), number of that step, type of what
was opened, entries there are, whether there are more, entries that can be asked for, those asked for"""

def bind(lua: int, path: str) -> str:
    """Resolve the C API of one Lua from lupa's extension file at `path` (already imported by lupa, and never
    unloaded). Returns its release, e.g. "Lua 5.4.8". Idempotent. Raises OSError when the library does not
    export what is needed; the message names the symbol."""

def heap_free() -> int:
    """Bytes that the C allocator holds free for blocks to come; 0 where it does not tell (other than glibc). Without
    the GIL; may take milliseconds."""

def heap_trim() -> bool:
    """Have the C allocator give pages without a block back to the system; False where it cannot. As above."""

class Cache:
    """The cache of one bound Lua. All methods may be called from any thread."""

    def __init__(
        self,
        lua: int,
        *,
        tier: str = "auto",
        allow_binary: bool = False,
        ring: int = 16384,
        last_generation: int = 0,
        max_bytes: int = 0,
        max_files: int = 0,
    ) -> None: ...
    def prepare(self, id: int, mode: int) -> VM:
        """A record for a runtime of the calling program, which gets the cached loaders and nothing else. Its `entry` is
        called in that runtime, which joins the two: `package.loadlib(vm.library, vm.entry)(vm.token)`."""
    def spawn(
        self,
        id: int,
        mode: int,
        memory_cap: int,
        instruction_budget: int,
        search_path: bytes,
        jit: bool,
        unshared: bool,
        without: int,
    ) -> VM:
        """A managed VM: a state of its own with the standard libraries, the cached loaders, captured printing,
        interruptible coroutines, `os.exit` that ends only the run, and no `python` module. 0: no limit.
        `search_path` is put before package.path; `jit` lets LuaJIT compile traces. `unshared`: its
        scripts cannot change the mode. `without`: the sum of the WITHOUT_ numbers of what it does
        not get. Raises MemoryError, ValueError."""
    def clear(self, keys: list[bytes] | None = None, dry_run: bool = False) -> tuple[int, int, int, tuple[int, ...]]:
        """Take all (None) or the named keys out of the index: files, freed bytes, retained bytes, ids of VMs on old
        code."""
    tier: str
    """The tier in force: off, bytecode, graft or direct."""
    last_generation: int
    """Id of the newest generation that there ever was: generations are numbered from the given one on."""
    def files(self) -> list[FileRecord]: ...
    def generations(self) -> list[GenerationRecord]: ...
    def vms(self) -> list[VMRecord]: ...
    def changes(self, since: int) -> Changes:
        """What changed after revision `since`, and what went since then. 0, or a revision that is too old: everything
        there is. For one reader: what went up to `since` is forgotten. Costs a look at each VM, and what changed."""
    def generation(self, id: int) -> GenerationRecord | None:
        """One of `generations`; None: it is gone."""
    def set_limits(self, max_bytes: int, max_files: int) -> None:
        """What current generations may take together, and how many there may be; 0: no limit. Those that were hit least
        recently go first; the order of hits between two readings is not known."""
    def words_wait(self) -> bool:
        """Whether a round waits for VMs to `answer` which frozen strings they refer to; unused ones stay until then."""
    def totals(self) -> Totals: ...
    def measure(self) -> None:
        """See to it that what all current generations take is known. Without the GIL; 25 µs per generation."""
    def drain(self, limit: int = 4096) -> list[EventRecord]: ...
    def holders(self, generation: int) -> tuple[int, ...]: ...
    def payload(self, generation: int) -> bytes:
        """The dumped chunk. Raises KeyError when the generation is gone."""
    def compile(self, path: bytes) -> bytes:
        """Compile a file in a donor and dump it; nothing is stored. Raises ValueError with Lua's own error text."""

class VM:
    """One VM as the cache sees it. Readable from any thread while the VM runs."""

    id: int
    library: str
    entry: str
    token: str
    memory: int
    memory_peak: int
    mode: int
    running: bool
    closed: bool
    """lua_close has returned (or the VM was released, on LuaJIT)."""
    load_us: float
    """µs spent in cached loads since birth."""

    def execute(self, source: bytes, chunkname: bytes, how: int) -> int:
        """Run in a managed VM, without the GIL; returns the status and never raises for what Lua code does; what came
        of it is read with take_result / take_output. how: one of the RUN_ numbers. One call at a time per VM, `close`
        included: the caller's duty."""
    def load(self, names: bytes, at: int) -> tuple[int, int]:
        """Load files, names joined by NUL, through the cache and keep their functions; see take_failures. Begins with
        the name at that byte, and stops after a portion (20 ms). Returns the byte that the next name begins at, and the
        number of names tried. A load that is interrupted, or has no memory to go on, has failed for all names left."""
    def answer(self) -> None:
        """Look at the VM, which must be idle and stay so meanwhile, for the round that waits: `Cache.words_wait`."""
    def collect(self) -> int:
        """A full garbage collection; bytes held afterwards."""
    def look(self, path: tuple[NativeStep, ...], offset: int, limit: int) -> LookAnswer:
        """One level of what the path leads to (empty: where paths begin), at most 500 entries. Raw access only; runs
        nothing of the VM, its finalizers included. Counts as a run for `running` and `interrupt`; see `execute`."""
    def count_closures(self, generation: int, line: int, last_line: int) -> tuple[int, int, bool]:
        """Closures of one prototype among all that the registry leads to: outcome as in LookAnswer, how many, and
        whether there may be more. As `look` in all else."""
    def set_mode(self, mode: int) -> None: ...
    def interrupt(self, reason: int = 1) -> bool:
        """End the run that is going on; False when none is. Call again every few ms until `running` is False. With the
        REASON_INSTRUCTIONS nothing is ended, but what a finalizer or a hook does from then on counts; with REASON_TIME
        a load is ended by the next Lua code that it runs."""
    def pause(self) -> bool:
        """Have the run that is going on wait from its next instruction on; False when none is. A C function goes on
        until it returns; an interrupt ends a paused run."""
    def resume(self) -> None:
        """Have a paused run go on."""
    def stuck_in(self) -> str:
        """The C function that the run is inside now, as scripts name it ("string.rep"); empty when it runs Lua code,
        nothing, or a function that has no name. Nothing can end a C function."""
    def take_output(self) -> bytes: ...
    def take_result(self) -> tuple[int, list[bytes], bytes, bytes, int, int]:
        """status, values as text, error message, traceback, interrupt reason, exit code"""
    def take_failures(self) -> list[tuple[bytes, bytes]]:
        """(name, error text) of files that `load` could not load, once."""
    def close(self) -> None:
        """Close the state of a managed VM, without the GIL: its finalizers run. Idempotent."""
    def release(self) -> None:
        """No runtime will be attached by this record any more, or the one that was is about to be dropped."""

def bench(cache: Cache, names: list[bytes], rounds: int) -> list[tuple[float, float, float]]:
    """Stores `names` in the cache from a state of its own (files that do not load are left out) and gives for every
    round the ns of CPU time that one file costs on average: a bare undump of the stored bytes, a hit, and a hit without
    counters and events, taken in turn; the first is 0 for a tier that stores no bytes. Raises ValueError when no file
    could be stored."""

def bench_loads(cache: Cache, names: list[bytes], states: int, passes: int) -> list[tuple[list[float], int]]:
    """In each of `states` fresh states, one directly after the other: load all files `passes` times. Per state: the ns
    of CPU time that each pass takes per file (the collector rests; what a tier sets up once per state comes before),
    and the bytes that the state holds more after the first pass and a collection, its functions kept in a table made
    before. Raises ValueError with Lua's text when a file does not load."""
