"""The values that cross every boundary: engine to host, host to client, client to window.

All are frozen, typed and serialisable (`msgspec`). Times are seconds since the epoch (float), durations
carry their unit in their name, sizes are bytes. File names are `str`; bytes that are not UTF-8 are kept
by the `surrogateescape` rule in the engine and sent escaped as `\\xNN` (see `moonscope.names`).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class LuaVersion(StrEnum):
    """The Luas that lupa's wheel ships; a cache belongs to one of them."""

    LUA51 = "5.1"
    LUA52 = "5.2"
    LUA53 = "5.3"
    LUA54 = "5.4"
    LUA55 = "5.5"
    LUAJIT20 = "luajit2.0"
    LUAJIT21 = "luajit2.1"


class CacheMode(StrEnum):
    """skynet's modes, per VM: ON uses and stores, EXIST uses but never stores, OFF bypasses."""

    ON = "on"
    EXIST = "exist"
    OFF = "off"


class Sharing(StrEnum):
    """What a person asks for; `Tier` is what came of it."""

    AUTO = "auto"
    DIRECT = "direct"
    GRAFT = "graft"
    BYTECODE = "bytecode"
    OFF = "off"


class Tier(StrEnum):
    """How a further VM gets a cached function.

    `direct`: a closure over the one prototype of the process (Moonscope's own runtime). `graft`: code and debug
    information shared, constants per VM (stock Lua 5.4 and 5.5). `bytecode`: undumped per VM. `off`: loaded plainly.
    """

    DIRECT = "direct"
    GRAFT = "graft"
    BYTECODE = "bytecode"
    OFF = "off"


class Outcome(StrEnum):
    """How a load ended."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"
    RACE = "race"
    ERROR = "error"


class VMState(StrEnum):
    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"  # the boot script failed or the last run ended in an error; usable again
    INTERRUPTED = "interrupted"  # the last run was interrupted; usable again
    CLOSED = "closed"


class GenerationState(StrEnum):
    CURRENT = "current"
    RETIRED = "retired"
    FREED = "freed"


class Counters(Struct, frozen=True):
    """Loads by outcome."""

    hits: int = 0
    misses: int = 0
    bypasses: int = 0
    races: int = 0
    errors: int = 0

    @property
    def loads(self) -> int:
        return self.hits + self.misses + self.bypasses + self.races + self.errors

    @property
    def hit_rate(self) -> float:
        """Hits as a share of all loads, 0.0 – 1.0; 0.0 when nothing was loaded."""
        return self.hits / self.loads if self.loads else 0.0


class VMOptions(Struct, frozen=True, kw_only=True):
    """How a VM is spawned. `None` means: the engine's default, or no limit."""

    lua: LuaVersion = LuaVersion.LUA54
    mode: CacheMode | None = None
    sharing: Sharing = Sharing.AUTO
    memory_cap: int | None = None  # bytes, all of the VM's memory
    roots: tuple[str, ...] = ()  # folders put in front of package.path as ROOT/?.lua;ROOT/?/init.lua
    boot: str | None = None  # Lua source run once before the VM becomes idle
    instruction_budget: int | None = None  # VM instructions per run
    time_budget: float | None = None  # seconds per run
    jit: bool = False  # LuaJIT only: compiled traces run faster but cannot be interrupted


class LuaFailure(Struct, frozen=True):
    """A Lua error as a value: `message` in one line or more, `traceback` may be empty."""

    message: str
    traceback: str = ""


class RunResult(Struct, frozen=True, kw_only=True):
    """What one run in one VM gave. `failure` is None when it returned normally."""

    vm: int
    values: tuple[str, ...] = ()  # results as Lua's `tostring` shows them; strings quoted
    output: str = ""  # what it printed
    failure: LuaFailure | None = None
    interrupted: bool = False
    duration_ms: float = 0.0


class FileFailure(Struct, frozen=True):
    """One file that could not be loaded in one VM."""

    path: str
    vm: int
    message: str


class LoadReport(Struct, frozen=True, kw_only=True):
    """What loading files in VMs gave."""

    files: int = 0
    vms: int = 0
    loaded: int = 0
    failures: tuple[FileFailure, ...] = ()  # the first 1,000
    failed: int = 0


class SpawnReport(Struct, frozen=True, kw_only=True):
    vms: tuple[int, ...] = ()
    failures: tuple[FileFailure, ...] = ()  # boot scripts that failed; `path` is "boot script"


class ClearReport(Struct, frozen=True, kw_only=True):
    """What a clear does (or, as a dry run, would do)."""

    files: int = 0  # generations taken out of the index
    freed_bytes: int = 0  # returned at once
    retained_bytes: int = 0  # kept until their holders are gone
    vms_on_old_code: tuple[int, ...] = ()  # VMs that go on running what was cleared
    dry_run: bool = False


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
    shared_bytes: int  # held once for the process
    unshared_bytes: int  # what one VM holds when it loads the file plainly (measured in the donor)
    private_bytes: int  # what one VM holds with this tier
    holders: int  # VMs that loaded it and are not closed
    hits: int
    created: float
    compile_us: float
    path: str = ""  # resolved at compile time
    inode: int = 0
    mtime: float = 0.0
    digest: str = ""  # of the source, hex


class VMRow(Struct, frozen=True, kw_only=True):
    id: int
    lua: LuaVersion
    state: VMState
    mode: CacheMode
    tier: Tier
    memory: int = 0  # bytes its allocator holds now
    memory_peak: int = 0
    memory_cap: int | None = None
    counters: Counters = Counters()
    generations: int = 0  # generations it holds
    queued: int = 0  # jobs in its mailbox
    task: str = ""  # what it runs now
    created: float = 0.0
    failure: LuaFailure | None = None


class LoadEvent(Struct, frozen=True, kw_only=True):
    """One load, as the native ring recorded it."""

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
    vms: int = 0
    counters: Counters = Counters()
    rss_bytes: int = 0
    dropped: int = 0  # load events lost because the ring was full


class Settings(Struct, frozen=True, kw_only=True):
    """What holds for the whole engine."""

    default_mode: CacheMode = CacheMode.ON
    interval: float = 0.25  # seconds between samples
    workers: int = 2
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


class Instruction(Struct, frozen=True, kw_only=True):
    """One VM instruction. `operands` are in the order of the reference listing."""

    pc: int  # counted from 1, as luac does
    line: int  # 0 when stripped
    opcode: str
    operands: tuple[int, ...] = ()
    comment: str = ""  # the decoded meaning, as luac words it
    target: int | None = None  # pc this instruction may jump to


class Local(Struct, frozen=True):
    name: str
    start_pc: int  # as luac prints them
    end_pc: int


class Upvalue(Struct, frozen=True):
    name: str
    in_stack: bool
    index: int
    kind: int = 0


class Prototype(Struct, frozen=True, kw_only=True):
    """A function prototype: what a closure points at. Line 0 is a main function."""

    source: str
    line: int
    last_line: int
    parameters: int
    vararg: bool
    stack_size: int
    size: int  # bytes in a 64-bit VM: code + constants array + debug info + header, strings apart
    code: tuple[Instruction, ...] = ()
    constants: tuple[str, ...] = ()  # as the listing shows them
    constant_types: tuple[str, ...] = ()
    upvalues: tuple[Upvalue, ...] = ()
    locals: tuple[Local, ...] = ()
    children: tuple[Prototype, ...] = ()
    name: str = ""  # best known name from the code that creates it; "" when unknown

    @property
    def total(self) -> int:
        """This prototype and all below it."""
        return 1 + sum(child.total for child in self.children)


class PrototypeTree(Struct, frozen=True, kw_only=True):
    """The answer to *inspect*."""

    lua: LuaVersion
    key: str
    root: Prototype
    generation: int | None = None
    notice: str = ""  # what could not be read, and why


class StepKind(StrEnum):
    """How to get from one value of a VM to the next. A path begins with one of the first three."""

    GLOBALS = "globals"
    LOADED = "package.loaded"
    REGISTRY = "registry"
    STRING = "string"  # the entry of a table with that key
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"  # a key that is itself an object, or a long string, by its address
    METATABLE = "metatable"
    ENVIRONMENT = "environment"  # Lua 5.1 and LuaJIT, where it is not the globals
    UPVALUE = "upvalue"
    USER_VALUE = "user value"


class LookStep(Struct, frozen=True):
    """`name`: a string key, bytes as in file names. `number`: another key, the address, or the number (from 1)."""

    kind: StepKind
    name: str = ""
    number: int | float = 0


class FunctionKind(StrEnum):
    LUA = "Lua closure"
    C = "C closure"
    LIGHT = "light C function"


class LookFunction(Struct, frozen=True, kw_only=True):
    """What a function is. A Lua closure's prototype is named by its source (`@` and a file name) and its lines."""

    kind: FunctionKind
    upvalues: int = 0
    source: str = ""
    line: int = 0  # 0: a main function
    last_line: int = 0
    generation: int | None = None  # that its prototype belongs to (not `shared`: by its name, the newest in the VM)
    shared: bool = False  # it runs the code that all VMs share, not a copy of its VM


class LookEntry(Struct, frozen=True, kw_only=True):
    """One thing that a value of a VM leads to."""

    step: LookStep
    key: str  # as shown
    value: str  # as shown: strings quoted and cut, objects with their address
    type: str  # Lua's name of it; light userdata told apart
    count: int | None = None  # entries of a table
    count_cut: bool = False  # it has more than that
    metatable: bool = False
    opens: bool = False  # it leads on
    function: LookFunction | None = None


class ClosureCount(Struct, frozen=True):
    """How many closures of one prototype a VM holds; those only a coroutine's stack holds are not seen."""

    vm: int
    closures: int
    cut: bool = False  # there may be more


class LookLevel(Struct, frozen=True, kw_only=True):
    """The answer to *look into*: a part of the entries, metatable and upvalues first, then the keys in order."""

    vm: int
    path: tuple[LookStep, ...] = ()
    type: str = ""  # of what was opened; "" for the start
    offset: int = 0  # of the first of `entries`
    entries: tuple[LookEntry, ...] = ()
    listed: int = 0  # entries that can be asked for
    total: int = 0  # entries there are
    total_cut: bool = False  # there are more than that
