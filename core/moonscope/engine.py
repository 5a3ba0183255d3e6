"""`Engine`: commands in, results and updates out, all values. The facade of the caches, the VMs and the sampler."""

from __future__ import annotations

import os
import threading

from . import runtime
from .cache import CodeCache
from .caches import Caches
from .commands import Commands
from .errors import UsageError
from .ledger import Ledger
from .mailbox import Cancelled, Progress
from .metrics import Recorder, Sampler
from .model import CacheMode, Libraries, LuaVersion, Settings, Sharing, Update
from .pool import VMPool
from .protocol import AnyCommand, Result
from .version import __version__


class Engine:
    """Everything one process shares. All methods may be called from any thread.

    `workers` threads run the VMs; `interval` is the sampler's, in seconds; `allow_binary` as in `CodeCache`, and
    `own_runtime` as its `own`: by default Moonscope's own runtime where it is installed. VMs that name no mode or
    libraries have `default_mode` and `default_libraries`; those that are spawned with `Sharing.AUTO` share by
    `default_sharing`, where their Lua can.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        default_mode: CacheMode = CacheMode.ON,
        default_sharing: Sharing = Sharing.AUTO,
        default_libraries: Libraries = Libraries.ALL,
        interval: float = 0.25,
        allow_binary: bool = False,
        own_runtime: bool | None = None,
    ) -> None:
        if not 0 < interval <= threading.TIMEOUT_MAX:
            raise UsageError(f"the interval between samples must be more than 0 s, and no centuries, not {interval}")
        self._caches = Caches(default_sharing, allow_binary=allow_binary, own=own_runtime)
        libraries = runtime.libraries(own_runtime)
        settings = Settings(
            default_mode=default_mode, default_sharing=default_sharing, default_libraries=default_libraries,
            interval=interval, workers=workers, version=__version__, pid=os.getpid(),
            luas=tuple((library.lua, library.release) for library in libraries),
            tiers=tuple((library.lua, library.best, library.why) for library in libraries),
        )  # fmt: skip
        self._ledger = Ledger(settings)
        self._recorder = Recorder(self._ledger, self._caches.all, lambda: self._pool.take_touched())
        self._pool = VMPool(workers, listener=self._recorder)
        self._commands = Commands(self._caches, self._pool, self._recorder, self._ledger)
        self._sampler = Sampler(interval, self._tick, self._recorder.look_at_disk)
        self._closed = False

    # What every host and window uses

    def perform(
        self, command: AnyCommand, progress: Progress | None = None, cancelled: Cancelled | None = None
    ) -> Result:
        """Carry out a command. Blocks; `progress(done, total, text)` is called from this thread; `cancelled` is
        asked between steps. Raises MoonscopeError."""
        if self._closed:
            raise UsageError("the engine is closed")
        try:
            return self._commands.carry_out(command, progress, cancelled)
        finally:
            self._recorder.read()

    def changes(self, since: int) -> Update:
        """What changed since revision `since`; everything for 0. Never waits for a VM."""
        return self._ledger.changes(since)

    def wait(self, since: int, timeout: float) -> bool:
        """True as soon as a revision newer than `since` exists, False after `timeout` seconds."""
        return self._ledger.wait(since, timeout)

    def close(self) -> None:
        """End all VMs and threads. Idempotent."""
        self._closed = True
        self._sampler.close(timeout=5.0)
        self._pool.shutdown(timeout=5.0)
        self._recorder.read()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # For the program that runs the engine

    def cache(self, lua: LuaVersion | str = LuaVersion.LUA54, sharing: Sharing = Sharing.AUTO) -> CodeCache:
        """The cache of one Lua, made when first asked for; `attach` your own runtimes to it.

        All VMs of a Lua share one cache, so its tier is settled by the first who asks, and can be changed only
        while no VM is there; the cache that you have then shares in the other way. Raises UsageError, and
        UnsupportedError for a tier that cannot be had.
        """
        return self._caches.get(lua, sharing)

    def measure(self) -> None:
        """Have the rows tell now what each generation takes and how many prototypes it has: of new ones the sampler
        measures it, a portion each time, so that loads need not wait for it."""
        self._recorder.read()
        while not self._recorder.measure():
            pass
        self._recorder.read()

    def _tick(self) -> None:
        self._pool.drain_output()
        self._recorder.measure()
        self._recorder.read(sample=True)
