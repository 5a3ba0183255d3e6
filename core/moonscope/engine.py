"""`Engine`: commands in, results and updates out, all values. The facade of the caches, the VMs and the sampler."""

from __future__ import annotations

import functools
import os
import threading
import warnings
import weakref

from .arguments import check_arguments
from .cache import runtime
from .cache.caches import Caches
from .cache.code_cache import CodeCache
from .cache.forks import refuse_in_child
from .commands.command import Command, R, Services
from .errors import UsageError
from .model import NO_CONTEXT, CacheMode, Context, Libraries, LuaVersion, Settings, Sharing, Update
from .telemetry.change_log import ChangeLog
from .telemetry.recorder import Recorder, Sampler
from .version import __version__
from .vms.pool import VMPool
from .vms.workers import limit


@check_arguments
class Engine:
    """Everything one process shares. All methods may be called from any thread.

    `workers` threads run the VMs, and one more for each script that takes long; `max_workers` (by default 1,024) is how
    many scripts may be under way at once. `interval` is the sampler's, in seconds; `allow_binary` as in `CodeCache`,
    `own_runtime` as its `own`: by default Moonscope's own runtime where it is installed. VMs that name no mode or
    libraries have `default_mode` and `default_libraries`; those that are spawned with `Sharing.AUTO` share by
    `default_sharing`, where their Lua can.
    `cache_bytes` and `cache_files` limit what the cache of each Lua stores, 0: no limit (see `CodeCache.set_limits`).

    Close it, or use it in a `with` statement; one that is dropped is closed in the background, with a ResourceWarning.
    In a child that was forked since it was made it raises UsageError (and `close` does nothing): make a new one there.
    Raises UsageError when the threads cannot be had.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        max_workers: int | None = None,
        default_mode: CacheMode = CacheMode.ON,
        default_sharing: Sharing = Sharing.AUTO,
        default_libraries: Libraries = Libraries.ALL,
        interval: float = 0.25,
        allow_binary: bool = False,
        own_runtime: bool | None = None,
        cache_bytes: int = 0,
        cache_files: int = 0,
    ) -> None:
        if not 0 < interval <= threading.TIMEOUT_MAX:
            most = f"{threading.TIMEOUT_MAX:.0f}"
            raise UsageError(f"the interval between samples must be more than 0 and at most {most} s, not {interval}")
        self._caches = Caches(
            default_sharing, allow_binary=allow_binary, own=own_runtime, max_bytes=cache_bytes, max_files=cache_files
        )
        libraries = runtime.libraries(own_runtime)
        self._pid = os.getpid()
        settings = Settings(
            default_mode=default_mode, default_sharing=default_sharing, default_libraries=default_libraries,
            interval=interval, workers=workers, max_workers=limit(workers, max_workers),
            cache_bytes=cache_bytes, cache_files=cache_files, version=__version__, pid=self._pid,
            luas=tuple((library.lua, library.release) for library in libraries),
            tiers=tuple((library.lua, library.best, library.why) for library in libraries),
        )  # fmt: skip
        # Nothing that a thread keeps alive may refer to the engine: it would never be dropped.
        self._change_log = change_log = ChangeLog(settings)
        self._recorder = recorder = Recorder(
            change_log, self._caches.all, lambda: pool.take_touched(), lambda: pool.actors(), lambda: pool.abandoned()
        )
        self._pool = pool = VMPool(workers, max_workers=max_workers, listener=recorder)
        self._services = Services(self._caches, pool, recorder, change_log)
        try:
            self._sampler = Sampler(interval, functools.partial(_tick, pool, recorder), recorder.look_at_disk)
        except BaseException as error:
            pool.shutdown(timeout=5.0)
            if not isinstance(error, RuntimeError):
                raise
            raise UsageError("the system gives no thread for the sampler of an engine") from None
        self._closed = False
        self._dropped = weakref.finalize(self, _drop, self._pid, self._sampler, pool)
        self._dropped.atexit = False  # its threads end with the process

    # What every host and window uses

    def perform(self, command: Command[R], context: Context = NO_CONTEXT) -> R:
        """Carry out a command and give its answer. Blocks; `context` is used in this thread. When this thread is
        interrupted (KeyboardInterrupt), what waits for its turn is dropped and what runs is interrupted. Raises
        MoonscopeError."""
        refuse_in_child(self._pid, "engine")
        if self._closed:
            raise UsageError("the engine is closed")
        try:
            return command.perform(self._services, context)
        finally:
            self._recorder.read()

    def changes(self, since: int) -> Update:
        """What changed since revision `since`; everything for 0. Never waits for a VM."""
        refuse_in_child(self._pid, "engine")
        return self._change_log.changes(since)

    def wait(self, since: int, timeout: float) -> bool:
        """True as soon as a revision newer than `since` exists, False after `timeout` seconds."""
        refuse_in_child(self._pid, "engine")
        return self._change_log.wait(since, timeout)

    def close(self) -> None:
        """End all VMs and threads; a VM that cannot be ended in 5 s is abandoned. Idempotent."""
        if os.getpid() != self._pid:
            return
        self._closed = True
        self._dropped.detach()
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
        refuse_in_child(self._pid, "engine")
        return self._caches.get(lua, sharing)

    def measure(self) -> None:
        """Have the rows tell now what each generation takes and how many prototypes it has: of new ones the sampler
        measures it, a portion each time, so that loads need not wait for it."""
        refuse_in_child(self._pid, "engine")
        self._recorder.read()
        while not self._recorder.measure():
            pass
        self._recorder.read()


def _tick(pool: VMPool, recorder: Recorder) -> None:
    pool.drain_output()
    if waiting := recorder.waiting():
        pool.answer(waiting)
    recorder.measure()
    recorder.read(sample=True)


def _drop(pid: int, sampler: Sampler, pool: VMPool) -> None:
    """An engine was dropped without `close`: its sampler ends the rest. Called by the collector, at any moment."""
    if os.getpid() == pid:
        sampler.end_with(lambda: pool.shutdown(timeout=5.0))
        warnings.warn("an Engine was dropped that is not closed", ResourceWarning, stacklevel=2)
