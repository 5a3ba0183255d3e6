"""`VMPool`: many VMs on few threads. Each VM is an actor: a mailbox, one job at a time, first come first served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from .cache import CodeCache
from .errors import CancelledError, MoonscopeError, NotFoundError, UsageError
from .mailbox import Actor, Batch, Cancelled, Job, Progress, T
from .model import CacheMode, FileFailure, RunResult, SpawnReport, VMOptions, VMState
from .vm import Listener, LuaVM, check
from .workers import Workers

BOOT = "boot script"  # the path of failures that a boot script caused
CREATE_STEP = 64  # VMs made between two looks at `cancelled`, each with a report of progress


class VMPool:
    """`workers` threads run the jobs of all VMs. Methods block until done and may be called from any thread."""

    def __init__(self, workers: int = 2, *, listener: Listener | None = None) -> None:
        if workers < 1:
            raise UsageError(f"a pool needs at least one worker, not {workers}")
        self._listener = listener
        self._workers = Workers(workers)
        self._gone = threading.Condition(self._workers.lock)
        self._actors: dict[int, Actor] = {}
        self._closed = False

    # What there is

    def actors(self) -> list[Actor]:
        """All VMs, in the order they were spawned. Read their fields, do not change them."""
        with self._workers.lock:
            return list(self._actors.values())

    def take_touched(self) -> list[tuple[Actor, bool]]:
        """The VMs of which something is different since the last call, each with whether it is still here."""
        with self._workers.lock:
            touched, self._workers.touched = self._workers.touched, set()
            return [(actor, self._actors.get(actor.id) is actor) for actor in touched]

    def drain_output(self) -> None:
        """Pass on what running VMs have printed so far."""
        for vm in self._workers.running():
            vm.drain_output()

    # What can be done

    def spawn(
        self,
        cache: CodeCache,
        options: VMOptions | None = None,
        count: int = 1,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> SpawnReport:
        """Make VMs and run their boot scripts. One that fails is reported; the others live."""
        options = VMOptions(lua=cache.lua) if options is None else options
        check(options)
        if count < 1:
            raise UsageError(f"the number of VMs to spawn must be 1 or more, not {count}")
        batch: Batch[RunResult] = Batch("spawn")
        vms: list[int] = []
        failures: list[FileFailure] = []
        for done in range(0, count, CREATE_STEP):
            if cancelled and cancelled():
                raise CancelledError(f"spawn: cancelled after {done} of {count} VMs")
            if progress:
                progress(done, count, f"spawn: {done} of {count} VMs")
            for vm, failure in self._create(min(CREATE_STEP, count - done), options, cache, batch):
                if failure:
                    failures.append(FileFailure("spawn", vm, failure))
                else:
                    vms.append(vm)
        if options.boot is not None:
            failures += self._boot_failures(vms, batch, progress, cancelled)
        elif progress:
            progress(count, count, f"spawn: {len(vms)} VMs")
        return SpawnReport(vms=tuple(vms), failures=tuple(failures))

    def _create(
        self, count: int, options: VMOptions, cache: CodeCache, batch: Batch[RunResult]
    ) -> Iterator[tuple[int, str]]:
        """Make VMs, here and not on the workers: it takes less than to hand them over.
        Boot scripts are for the workers, as soon as their VM is there. Gives ids, each with what went wrong."""
        actors = [Actor(cache.new_id(), options) for _ in range(count)]
        with self._workers.lock:
            self._refuse_when_closed()
            self._actors.update((actor.id, actor) for actor in actors)
            self._workers.touched.update(actors)
        for actor in actors:
            try:
                self._born(actor, cache, batch)
            except MoonscopeError as error:
                self._forget((actor,))
                yield actor.id, str(error)
            else:
                yield actor.id, ""

    def _born(self, actor: Actor, cache: CodeCache, batch: Batch[RunResult]) -> None:
        vm = LuaVM(cache, actor.options, id=actor.id, watchdog=self._workers.watchdog, listener=self._listener)
        with self._workers.lock:
            if not actor.closing:  # as it is when the pool is shut down meanwhile
                actor.vm = vm
                self._workers.touched.add(actor)
                if actor.options.boot is not None:
                    self._workers.enqueue(actor, Job(actor, BOOT, _boot, batch))
                else:
                    actor.state = VMState.IDLE
        if actor.vm is None:
            vm.close()
            raise NotFoundError(f"VM {actor.id} was closed before it was made")

    def _boot_failures(
        self, vms: list[int], batch: Batch[RunResult], progress: Progress | None, cancelled: Cancelled | None
    ) -> list[FileFailure]:
        """Once cancelled, VMs whose boot script has not run are closed: they are not what was asked for."""
        wanted = set(vms)
        actors = [actor for actor in self.actors() if actor.id in wanted]
        try:
            outcomes = batch.wait(len(vms), progress, cancelled, lambda: self._workers.withdraw(batch, actors))
        except CancelledError:
            unfinished: Batch[bool] = Batch("close")
            starting = [actor for actor in actors if actor.state is VMState.STARTING]
            unfinished.wait(sum(self._begin_close(actor, unfinished) for actor in starting))
            raise
        failures = []
        for id, outcome in sorted(outcomes.items()):
            message = str(outcome) if isinstance(outcome, Exception) else outcome.failure and outcome.failure.message
            if message:
                failures.append(FileFailure(BOOT, id, message))
        return failures

    def each(
        self,
        vms: Iterable[int] | None,
        task: str,
        work: Callable[[LuaVM, Batch[T]], T],
        *,
        units: int = 1,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> dict[int, T | MoonscopeError]:
        """Do `work` in each of the VMs (None: in all). Gives, by id, what it returned or the error that kept it off.

        Raises NotFoundError before anything is done when one of the VMs is not there, CancelledError at the end
        when `cancelled` said so: waiting jobs are dropped then, running ones interrupted.
        """
        actors = self._find(vms)
        batch: Batch[T] = Batch(task, units)

        def run(actor: Actor) -> object:
            assert actor.vm is not None
            return work(actor.vm, batch)

        for actor in actors:
            self._workers.post(actor, Job(actor, task, run, batch))
        outcomes = batch.wait(len(actors), progress, cancelled, lambda: self._workers.withdraw(batch, actors))
        results: dict[int, T | MoonscopeError] = {}
        for id, outcome in outcomes.items():
            if isinstance(outcome, Exception) and not isinstance(outcome, MoonscopeError):
                raise outcome
            results[id] = outcome
        return {actor.id: results[actor.id] for actor in actors}

    def interrupt(self, vms: Iterable[int] | None) -> tuple[int, ...]:
        """End what the VMs run now; what waits in their mailboxes stays. Returns the ids of those that ran."""
        return tuple(actor.id for actor in self._find(vms) if self._workers.interrupt(actor))

    def set_mode(self, vms: Iterable[int], mode: CacheMode) -> None:
        """At once, even while they run. VMs that were spawned with sharing off refuse (UsageError)."""
        for actor in self._find(vms):
            assert actor.vm is not None
            actor.vm.mode = mode

    def close(
        self, vms: Iterable[int] | None, progress: Progress | None = None, cancelled: Cancelled | None = None
    ) -> int:
        """Tear VMs down, each on a worker: running ones are interrupted, waiting jobs dropped. Returns how many.

        Some may be gone already, as when two windows close them. Raises NotFoundError when all of them are.
        """
        actors = self._find(vms, some=True)
        batch: Batch[bool] = Batch("close")
        closing = [actor for actor in actors if self._begin_close(actor, batch)]
        batch.wait(len(closing), progress, cancelled)
        return len(closing)

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Close all VMs and end the threads. False when a VM could not be ended in time and was left behind."""
        with self._workers.lock:
            if self._closed:
                return not self._actors
            self._closed = True
            actors = list(self._actors.values())
        batch: Batch[bool] = Batch("close")
        for actor in actors:
            self._begin_close(actor, batch)
        deadline = time.monotonic() + timeout
        with self._gone:
            empty = self._gone.wait_for(lambda: not self._actors, timeout)
        self._workers.stop(deadline)
        return empty

    # Inside

    def _find(self, vms: Iterable[int] | None, *, some: bool = False) -> list[Actor]:
        """Raises NotFoundError when one of the VMs is not there; with `some`, when none of them is."""
        with self._workers.lock:
            self._refuse_when_closed()
            if vms is None:
                return [actor for actor in self._actors.values() if actor.vm is not None and not actor.closing]
            found, missing = [], []
            for id in dict.fromkeys(vms):
                actor = self._actors.get(id)
                if actor is None or actor.vm is None or actor.closing:
                    missing.append(id)
                else:
                    found.append(actor)
        if missing and not (some and found):
            raise NotFoundError(f"there is no VM {missing[0]} here; it may have been closed")
        return found

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UsageError("the VMs of this engine are closed")

    def _forget(self, actors: Iterable[Actor]) -> None:
        """Take VMs off the list: closed, or never made."""
        with self._gone:
            for actor in actors:
                self._actors.pop(actor.id, None)
                self._workers.touched.add(actor)
            if not self._actors:
                self._gone.notify_all()

    def _begin_close(self, actor: Actor, batch: Batch[bool]) -> bool:
        return self._workers.post_last(actor, Job(actor, "close", self._tear_down, batch))

    def _tear_down(self, actor: Actor) -> bool:
        actor.state = VMState.CLOSED
        if actor.vm is not None:
            actor.vm.close()
        self._forget((actor,))
        return True


def _boot(actor: Actor) -> RunResult:
    assert actor.vm is not None
    return actor.vm.boot()
