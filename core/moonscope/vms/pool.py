"""`VMPool`: many VMs on few threads. Each VM is an actor: a mailbox, one job at a time, first come first served."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable

from ..arguments import check_arguments
from ..cache.code_cache import CodeCache
from ..cache.forks import refuse_in_child
from ..errors import CancelledError, MoonscopeError, NotFoundError, UsageError
from ..model import (
    NO_CONTEXT,
    CacheMode,
    Context,
    FileFailure,
    InterruptReport,
    LuaVersion,
    RunResult,
    SpawnReport,
    StuckVM,
    VMOptions,
    VMState,
)
from .mailbox import LONG_PATIENCE, Actor, Batch, Job, T
from .vm import Listener, LuaVM, check
from .workers import Workers

BOOT = "boot script"  # the path of failures that a boot script caused
CREATE_STEP = 64  # VMs made between two looks at `cancelled`, each with a report of progress
MAX_SPAWN = 1_000_000  # VMs in one command
_LOOK = 0.002  # seconds between two looks at whether it has


@check_arguments
class VMPool:
    """`workers` threads run the jobs of all VMs, and one more for each job that takes long: see `Workers`.

    Methods block until done and may be called from any thread. Raises UsageError for numbers that cannot hold, and when
    the system does not give so many threads.
    """

    def __init__(
        self, workers: int = 2, *, max_workers: int | None = None, listener: Listener | None = None
    ) -> None:
        self._listener = listener
        self._workers = Workers(workers, max_workers)
        self._actors: dict[int, Actor] = {}
        self._closed = False
        self._pid = os.getpid()

    # What there is

    def actors(self) -> list[Actor]:
        """All VMs, in the order they were spawned. Read their fields, do not change them."""
        refuse_in_child(self._pid, "pool of VMs")
        with self._workers.lock:
            return list(self._actors.values())

    def take_touched(self) -> list[tuple[Actor, bool]]:
        """The VMs of which something is different since the last call, each with whether it is still here."""
        with self._workers.lock:
            touched = [(actor, self._actors.get(actor.id) is actor) for actor in self._workers.touched]
            self._workers.touched.clear()
            return touched

    def abandoned(self) -> list[Actor]:
        """VMs that could not be ended and were given up: in no list any more, their memory is leaked. They leave this
        list when what they are in returns after all."""
        refuse_in_child(self._pid, "pool of VMs")
        return self._workers.abandoned()

    def drain_output(self) -> None:
        """Pass on what running VMs have printed so far."""
        for vm in self._workers.running():
            vm.drain_output()

    def answer(self, luas: Collection[LuaVersion]) -> None:
        """Have idle VMs of these Luas tell which shared strings they refer to, so that the others can be freed."""
        for actor in self.actors():
            if actor.vm is not None and not actor.closing and actor.options.lua in luas:
                actor.vm.answer()

    # What can be done

    def spawn(
        self,
        cache: CodeCache,
        options: VMOptions | None = None,
        count: int = 1,
        context: Context = NO_CONTEXT,
    ) -> SpawnReport:
        """Make VMs and run their boot scripts. One that fails is reported; the others live."""
        refuse_in_child(self._pid, "pool of VMs")
        options = VMOptions(lua=cache.lua) if options is None else options
        check(options)
        if not 1 <= count <= MAX_SPAWN:
            raise UsageError(f"the number of VMs to spawn must be 1 – {MAX_SPAWN:,}, not {count}")
        batch: Batch[RunResult] = Batch("spawn")
        vms: list[int] = []
        failures: list[FileFailure] = []
        try:
            for done in range(0, count, CREATE_STEP):
                if context.cancelled():
                    raise CancelledError(f"spawn: cancelled after {done} of {count} VMs")
                context.progress(done, count, f"spawn: {done} of {count} VMs")
                for vm, failure in self._create(min(CREATE_STEP, count - done), options, cache, batch):
                    if failure:
                        failures.append(FileFailure("spawn", vm, failure))
                    else:
                        vms.append(vm)
            if options.boot is not None:
                failures += self._boot_failures(vms, batch, context)
            else:
                context.progress(count, count, f"spawn: {len(vms)} VMs")
        except BaseException as error:
            self._close_unfinished(vms, batch, wait=isinstance(error, CancelledError))
            raise
        return SpawnReport(vms=tuple(vms), failures=tuple(failures))

    def _create(
        self, count: int, options: VMOptions, cache: CodeCache, batch: Batch[RunResult]
    ) -> list[tuple[int, str]]:
        """Make VMs, here and not on the workers: it takes less than to hand them over.
        Boot scripts are for the workers, as soon as their VM is there. Gives ids, each with what went wrong."""
        actors = [Actor(cache.new_id(), options) for _ in range(count)]
        made: list[tuple[int, str]] = []
        try:
            with self._workers.lock:
                self._refuse_when_closed()
                self._workers.touched.update(actors)
                self._actors.update((actor.id, actor) for actor in actors)
            for actor in actors:
                try:
                    self._born(actor, cache, batch)
                except MoonscopeError as error:
                    self._forget(actor)
                    made.append((actor.id, str(error)))
                else:
                    made.append((actor.id, ""))
        finally:
            self._forget_unborn(actors)
        return made

    def _born(self, actor: Actor, cache: CodeCache, batch: Batch[RunResult]) -> None:
        vm = LuaVM(cache, actor.options, id=actor.id, watchdog=self._workers.watchdog, listener=self._listener)
        try:
            with self._workers.lock:
                self._workers.touched.add(actor)
                if not actor.closing:  # as it is when the pool is shut down meanwhile
                    if actor.options.boot is not None:
                        self._workers.enqueue(actor, Job(actor, BOOT, _boot, batch))
                    else:
                        actor.state = VMState.IDLE
                    actor.vm = vm
        finally:
            if actor.vm is None:
                _close(vm)
        if actor.vm is None:
            raise NotFoundError(f"VM {actor.id} was closed before it was made")

    def _boot_failures(self, vms: list[int], batch: Batch[RunResult], context: Context) -> list[FileFailure]:
        failures = []
        for id, outcome in sorted(self._wait(batch, self._these(vms), context).items()):
            message = str(outcome) if isinstance(outcome, Exception) else outcome.failure and outcome.failure.message
            if message:
                failures.append(FileFailure(BOOT, id, message))
        return failures

    def _close_unfinished(self, vms: list[int], batch: Batch[RunResult], *, wait: bool) -> None:
        """VMs of a spawn that has ended early whose boot script has not run are not what was asked for."""
        actors = self._these(vms)
        self._workers.withdraw(batch, actors)
        unfinished: Batch[bool] = Batch("close", brief=True)
        starting = [actor for actor in actors if actor.state is VMState.STARTING]
        closing = sum(self._begin_close(actor, unfinished) for actor in starting)
        if wait:
            unfinished.wait(closing, tend=self._tend)

    def each(
        self,
        vms: Iterable[int] | None,
        task: str,
        work: Callable[[LuaVM, Batch[T]], T],
        *,
        units: int = 1,
        brief: bool = False,
        context: Context = NO_CONTEXT,
    ) -> dict[int, T | MoonscopeError]:
        """Do `work` in each of the VMs (None: in all). Gives, by id, what it returned or the error that kept it off.
        `brief` work runs no script: it is done even when scripts have all the workers that they may have.

        Raises NotFoundError before anything is done when one of the VMs is not there, CancelledError at the end
        when it was cancelled. Waiting jobs are dropped then, running ones interrupted, and so they are, at once,
        when this thread is interrupted (KeyboardInterrupt).
        """
        actors = self._find(vms)
        batch: Batch[T] = Batch(task, units, brief=brief)

        def run(actor: Actor) -> object:
            assert actor.vm is not None
            return work(actor.vm, batch)

        try:
            for actor in actors:
                self._workers.post(actor, Job(actor, task, run, batch))
            outcomes = self._wait(batch, actors, context)
        except BaseException:
            self._workers.withdraw(batch, actors)
            raise
        results: dict[int, T | MoonscopeError] = {}
        for id, outcome in outcomes.items():
            if isinstance(outcome, Exception) and not isinstance(outcome, MoonscopeError):
                raise outcome
            results[id] = outcome
        return {actor.id: results[actor.id] for actor in actors}

    def interrupt(self, vms: Iterable[int] | None) -> InterruptReport:
        """End what the VMs run now; what waits in their mailboxes stays. Reports what has ended.

        A VM that is in a C function for half a second more (or goes on for 5 s otherwise) is named, and abandoned by
        the next call if it goes on then: it is in no list any more, its memory is leaked, its jobs end with an error.
        VMs that ran nothing are not in the report.
        """
        told = [
            (actor, job)
            for actor in self._find(vms, stuck=True)
            if (job := self._workers.interrupt(actor)) is not None
        ]  # fmt: skip
        began = time.monotonic()
        while any(actor.now is job and not actor.overdue(time.monotonic() - began) for actor, job in told):
            time.sleep(_LOOK)
        ended: list[int] = []
        going_on: list[StuckVM] = []
        abandoned: list[StuckVM] = []
        for actor, job in told:
            stuck = StuckVM(actor.id, actor.inside)
            if actor.now is not job:
                ended.append(actor.id)
            elif not job.stuck_in:
                self._workers.found_stuck(actor, job, stuck.inside)
                going_on.append(stuck)
            elif self._abandon(actor, job):
                abandoned.append(stuck)
            else:
                ended.append(actor.id)
        return InterruptReport(ended=tuple(ended), still_running=tuple(going_on), abandoned=tuple(abandoned))

    def set_mode(self, vms: Iterable[int], mode: CacheMode) -> None:
        """At once, even while they run. VMs that were spawned with sharing off refuse (UsageError)."""
        for actor in self._find(vms):
            assert actor.vm is not None
            actor.vm.mode = mode

    def close(self, vms: Iterable[int] | None, context: Context = NO_CONTEXT) -> int:
        """Tear VMs down, each on a worker: running ones are interrupted, waiting jobs dropped. Returns how many.

        Some may be gone already, as when two windows close them. Raises NotFoundError when all of them are, and, once
        the others are closed, MoonscopeError when one is in a C function that goes on. One that is known for that, by
        this or by `interrupt`, is abandoned: see there.
        """
        actors = self._find(vms, some=True, stuck=True)
        abandoned = sum(self._abandon(actor, job) for actor in actors if (job := actor.now) and job.stuck_in)
        batch: Batch[bool] = Batch("close", brief=True)
        closing = [actor for actor in actors if self._begin_close(actor, batch)]
        batch.wait(len(closing), context, tend=lambda: self._tend() and _may_end(closing, batch))
        left = [actor for actor in closing if not batch.finished(actor.id)]
        if left:
            raise self._cannot_end(left)
        return len(closing) + abandoned

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Close all VMs and end the threads. False when a VM could not be ended in time and was abandoned.
        Nothing happens in a child: what there was to end is not there."""
        if os.getpid() != self._pid:
            return True
        with self._workers.lock:
            before, self._closed = self._closed, True
            actors = list(self._actors.values())
        if before:
            return not self._workers.abandoned()
        deadline = time.monotonic() + timeout
        batch: Batch[bool] = Batch("close", brief=True)
        closing = sum(self._begin_close(actor, batch) for actor in actors)
        batch.wait(closing, tend=lambda: self._tend() and time.monotonic() < deadline)
        while self._actors and time.monotonic() < deadline:  # those that are made, or closed by somebody else
            self._tend()
            time.sleep(_LOOK)
        for actor in list(self._actors.values()):
            self._abandon(actor, actor.now)
        self._workers.stop(max(deadline, time.monotonic() + 1.0))
        return not self._workers.abandoned()

    # Inside

    def _tend(self) -> bool:
        """What everybody who waits for jobs does meanwhile."""
        self._workers.look()
        return True

    def _wait(self, batch: Batch[T], actors: list[Actor], context: Context) -> dict[int, T | Exception]:
        def withdraw() -> None:
            self._workers.withdraw(batch, actors)

        return batch.wait(len(actors), context, withdraw, self._tend)

    def _these(self, vms: Iterable[int]) -> list[Actor]:
        """Those of the VMs that are there."""
        with self._workers.lock:
            return [self._actors[id] for id in vms if id in self._actors]

    def _find(self, vms: Iterable[int] | None, *, some: bool = False, stuck: bool = False) -> list[Actor]:
        """Raises NotFoundError when one of the VMs is not there; with `some`, when none of them is. VMs that are being
        closed are not there, but with `stuck` those are that somebody knows to go on in spite of it."""

        def there(actor: Actor) -> bool:
            return actor.vm is not None and (not actor.closing or (stuck and actor.stuck))

        refuse_in_child(self._pid, "pool of VMs")
        with self._workers.lock:
            self._refuse_when_closed()
            if vms is None:
                return [actor for actor in self._actors.values() if there(actor)]
            found, missing = [], []
            for id in dict.fromkeys(vms):
                actor = self._actors.get(id)
                if actor is None or not there(actor):
                    missing.append(id)
                else:
                    found.append(actor)
        if missing and not (some and found):
            raise NotFoundError(f"there is no VM {missing[0]} here; it may have been closed")
        return found

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UsageError("the VMs of this engine are closed")

    def _forget(self, actor: Actor) -> None:
        """Take a VM off the list: closed, or never made. When memory runs out, it is tried until it succeeds."""
        while True:
            try:
                with self._workers.lock:
                    self._workers.touched.add(actor)
                    self._actors.pop(actor.id, None)
                return
            except MemoryError:
                time.sleep(_LOOK)

    def _forget_unborn(self, actors: list[Actor]) -> None:
        """Whatever ended their creation early."""
        while True:
            try:
                for actor in actors:
                    if actor.vm is None:
                        self._forget(actor)
                return
            except MemoryError:
                time.sleep(_LOOK)

    def _abandon(self, actor: Actor, now: Job | None) -> bool:
        """False when what it did has ended meanwhile."""
        if not self._workers.abandon(actor, now):
            return False
        self._forget(actor)
        return True

    def _begin_close(self, actor: Actor, batch: Batch[bool]) -> bool:
        return self._workers.post_last(actor, Job(actor, "close", self._tear_down, batch))

    def _cannot_end(self, actors: list[Actor]) -> MoonscopeError:
        inside = [actor.inside for actor in actors]
        for actor, function in zip(actors, inside, strict=True):
            if actor.now is not None:
                self._workers.found_stuck(actor, actor.now, function)
        others = f" (nor can {len(actors) - 1} other VMs)" if len(actors) > 1 else ""
        return MoonscopeError(
            f"VM {actors[0].id} is inside {inside[0]} and cannot be ended{others}; "
            "close it again to abandon it: its memory stays in use until it returns"
        )

    def _tear_down(self, actor: Actor) -> bool:
        actor.state = VMState.CLOSED
        if actor.vm is not None:
            _close(actor.vm)
        self._forget(actor)
        return True


def _close(vm: LuaVM) -> None:
    """Memory that runs out meanwhile comes back; a VM that is half closed would be in the list for ever."""
    while True:
        try:
            vm.close()
            return
        except MemoryError:
            time.sleep(_LOOK)


def _boot(actor: Actor) -> RunResult:
    assert actor.vm is not None
    return actor.vm.boot()


def _may_end(actors: list[Actor], batch: Batch[bool]) -> bool:
    """Whether it is worth to wait for one of them to be closed."""
    now = time.monotonic()
    return any(not batch.finished(actor.id) and not _overdue(actor, batch, now) for actor in actors)


def _overdue(actor: Actor, closing: Batch[bool], now: float) -> bool:
    job = actor.now
    if job is None:
        return False
    if job.batch is closing:
        return now - job.begun > LONG_PATIENCE
    return job.told is not None and actor.overdue(now - job.told)


