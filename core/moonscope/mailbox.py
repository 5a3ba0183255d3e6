"""Work for many VMs at once: a batch of jobs, one per VM, and their results as they come."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from .errors import CancelledError
from .model import LuaFailure, RunResult, VMOptions, VMState
from .vm import LuaVM

T = TypeVar("T")

Progress = Callable[[int, int, str], None]
Cancelled = Callable[[], bool]

_POLL = 0.05  # seconds between two looks at `cancelled`, each with a report of progress


class Actor:
    """A VM with its mailbox: what waits for it, and what it does now. Changed under the lock of its workers."""

    __slots__ = ("closing", "created", "failure", "id", "jobs", "now", "options", "scheduled", "state", "vm")

    def __init__(self, id: int, options: VMOptions) -> None:
        self.id = id
        self.options = options
        self.created = time.time()
        self.vm: LuaVM | None = None  # None until it is made
        self.state = VMState.STARTING
        self.failure: LuaFailure | None = None
        self.jobs: deque[Job] = deque()
        self.now: Job | None = None
        self.scheduled = False  # in the queue of the workers, or with one of them
        self.closing = False

    def settle(self, outcome: object, before: VMState) -> None:
        """The state after a job: a run decides it, and so does an interrupt; other work leaves it as it was."""
        if isinstance(outcome, RunResult):
            self.failure = outcome.failure
            failed = VMState.FAILED if outcome.failure else VMState.IDLE
            self.state = VMState.INTERRUPTED if outcome.interrupted else failed
        elif self.vm is not None and self.vm.interrupted:
            self.failure = LuaFailure("interrupted")
            self.state = VMState.INTERRUPTED
        else:
            self.state = VMState.IDLE if before is VMState.STARTING else before


class Job:
    """One thing to do in one VM. To the watchdog it is a run: it can be ended from the moment a worker takes it."""

    __slots__ = ("_actor", "batch", "run", "task")

    def __init__(self, actor: Actor, task: str, run: Callable[[Actor], object], batch: Batch[T]) -> None:
        self._actor = actor
        self.task = task
        self.run = run
        self.batch = batch

    def interrupt(self, reason: int) -> bool:
        vm = self._actor.vm
        run = vm.current if vm is not None else None
        if self._actor.now is not self:  # looked at after `current`: that run is this job's
            return False
        if run is not None:
            run.interrupt(reason)
        return True


class Batch(Generic[T]):
    """The results of one job per VM. Workers report, one caller waits; it is woken once, when all is done."""

    def __init__(self, task: str, units: int = 1) -> None:
        self.task = task
        self.units = units  # of progress, per VM
        self.cancelled = False  # asked of long jobs between two steps
        self._count: int | None = None
        self._results: dict[int, object] = {}
        self._partial: dict[int, int] = {}
        self._complete = threading.Event()

    def advance(self, vm: int, units: int) -> None:
        """The job of that VM has done so much more."""
        self._partial[vm] = self._partial.get(vm, 0) + units

    def finish(self, vm: int, outcome: object) -> None:
        """The job of that VM is over: what it returned, or the error it raised."""
        self._results[vm] = outcome
        if len(self._results) == self._count:
            self._complete.set()

    def wait(
        self,
        count: int,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        withdraw: Callable[[], None] | None = None,
    ) -> dict[int, T | Exception]:
        """The outcomes of all `count` jobs; progress is reported at once, and then now and again.

        Once `cancelled`, `withdraw` is called and CancelledError is raised as soon as no job is left (without
        `withdraw`, at once); what was done stays done.
        """
        self._count = count
        watched = progress is not None or cancelled is not None
        if progress:
            progress(self._done(), count * self.units, f"{self.task}: {len(self._results)} of {count} VMs")
        while len(self._results) < count:
            if cancelled and not self.cancelled and cancelled():
                self.cancelled = True
                if withdraw is None:
                    break
                withdraw()
            self._complete.wait(_POLL if watched else None)
            if progress:
                progress(self._done(), count * self.units, f"{self.task}: {len(self._results)} of {count} VMs")
        if self.cancelled:
            done = sum(not isinstance(outcome, CancelledError) for outcome in self._results.values())
            raise CancelledError(f"{self.task}: cancelled after {done} of {count} VMs")
        return cast("dict[int, T | Exception]", self._results)

    def _done(self) -> int:
        partial = sum(units for vm, units in list(self._partial.items()) if vm not in self._results)
        return len(self._results) * self.units + partial
