"""How VMs are spawned, and what running, loading and clearing gave."""

from __future__ import annotations

from msgspec import Struct

from .words import CacheMode, Libraries, LuaVersion, Sharing


class VMOptions(Struct, frozen=True, kw_only=True):
    """How a VM is spawned. `None` means: the engine's default, or no limit."""

    lua: LuaVersion = LuaVersion.LUA54
    mode: CacheMode | None = None
    sharing: Sharing = Sharing.AUTO
    libraries: Libraries | None = None
    # Bytes: all of the VM's memory, and while it loads a file what compiling that takes. What the cache keeps of it
    # afterwards is not the VM's: `CodeCache.set_limits` bounds that.
    memory_cap: int | None = None
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


class Chunk(Struct, frozen=True):
    """A compiled chunk as `string.dump` gives it, whole. `moonscope.bytecode.read` makes prototypes of it, in
    the process of whoever wants to read them: a host does not work for its readers."""

    lua: LuaVersion
    key: str
    dump: bytes
    generation: int | None = None


class StuckVM(Struct, frozen=True):
    """A VM that goes on though it was told to end."""

    vm: int
    inside: str = ""  # what it is in: the name of a C function, where that is known


class InterruptReport(Struct, frozen=True, kw_only=True):
    """What came of an interrupt. VMs that ran nothing are not told."""

    ended: tuple[int, ...] = ()
    still_running: tuple[StuckVM, ...] = ()  # interrupted again, they are abandoned
    abandoned: tuple[StuckVM, ...] = ()  # given up: not listed any more, their memory is leaked until they return


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
