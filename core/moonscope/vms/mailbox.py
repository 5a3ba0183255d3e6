"""Work for many VMs at once: a batch of jobs, one per VM, and their results as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar, cast

from ..errors import CancelledError
from ..model import NO_CONTEXT, Context, LuaFailure, RunResult, VMOptions, VMState
from .vm import LuaVM
from .watchdog import REPEAT

T = TypeVar("T")

PATIENCE = 0.5  # seconds that what was told to end has for it, before its VM is said to go on
LONG_PATIENCE = 5.0  # when it is not in a C function, or is being closed
POLL = 0.05  # seconds between two looks at `cancelled`, each with a report of progress


class Actor:
    """A VM with its mailbox: what waits for it, and what it does now. Changed under the lock of its workers."""

    __slots__ = (
        "abandoned", "closing", "created", "failure", "id", "jobs", "now", "options", "state", "turn", "vm",
    )  # fmt: skip

    def __init__(self, id: int, options: VMOptions) -> None:
        self.id = id
        self.options = options
        self.created = time.time()
        self.vm: LuaVM | None = None  # None until it is made
        self.state = VMState.STARTING
        self.failure: LuaFailure | None = None
        self.jobs: deque[Job] = deque()
        self.now: Job | None = None
        self.turn: Batch[Any] | None = None  # in the turns of the workers it waits with this one
        self.closing = False
        self.abandoned = False  # its worker is given up, with what it does `now`; the VM is closed once that returns

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

    @property
    def stuck(self) -> bool:
        """What it does now was told to end, did not, and somebody was told so."""
        now = self.now
        return now is not None and bool(now.stuck_in)

    @property
    def inside(self) -> str:
        """What it is in, for a sentence: `string.rep`, or what can be said when it is in no C function."""
        return self._function() or "code that does not look for interrupts"

    def overdue(self, seconds: float) -> bool:
        """Whether what it does, told to end so many seconds ago, will not: a script that is not in a C function ends as
        soon as its thread gets to run, which with many of them may take a while."""
        return seconds > PATIENCE and (seconds > LONG_PATIENCE or bool(self._function()))

    def _function(self) -> str:
        return self.vm.stuck_in() if self.vm is not None else ""


class Job:
    """One thing to do in one VM. To the watchdog it is a run: it can be ended from the moment a worker takes it."""

    repeat = REPEAT

    __slots__ = ("_actor", "batch", "begun", "run", "stuck_in", "task", "told")

    def __init__(self, actor: Actor, task: str, run: Callable[[Actor], object], batch: Batch[Any]) -> None:
        self._actor = actor
        self.task = task
        self.run = run
        self.batch = batch
        self.begun = 0.0  # time.monotonic(), as `told`
        self.told: float | None = None  # when it was first told to end
        self.stuck_in = ""  # what it is inside though it was told to end, once somebody knows

    def interrupt(self, reason: int) -> bool:
        """Interrupt what this job runs now. False if it is not this job that the VM is at."""
        vm = self._actor.vm
        run = vm.current if vm is not None else None
        if self._actor.now is not self:  # looked at after `current`: that run is this job's
            return False
        if run is not None:
            run.interrupt(reason)
        return True


class Batch(Generic[T]):
    """The results of one job per VM. Workers report, one caller waits; it is woken once, when all is done.

    `brief`: no job of it runs a script, so it can be done when scripts have all workers that they may have.
    """

    def __init__(self, task: str, units: int = 1, *, brief: bool = False) -> None:
        self.task = task
        self.units = units  # of progress, per VM
        self.brief = brief
        self.cancelled = False  # asked of long jobs between two steps
        # See Turns:
        self.waiting: deque[Actor] = deque()
        self.under_way = 0
        self.more = 0  # than there are workers may be under way
        self.moved = 0.0  # time.monotonic() when a job last ended, or more than before could begin
        self._count: int | None = None
        self._results: dict[int, object] = {}
        self._partial: dict[int, int] = {}
        self._complete: SimpleQueue[None] = SimpleQueue()  # not an Event: without memory, one may stay locked

    def advance(self, vm: int, units: int) -> None:
        """The job of that VM has done so much more."""
        self._partial[vm] = self._partial.get(vm, 0) + units

    def finish(self, vm: int, outcome: object) -> None:
        """The job of that VM is over: what it returned, or the error it raised."""
        self._results[vm] = outcome
        if len(self._results) == self._count:
            self._complete.put(None)

    def finished(self, vm: int) -> bool:
        """Whether the job for `vm` has a result."""
        return vm in self._results

    def wait(
        self,
        count: int,
        context: Context = NO_CONTEXT,
        withdraw: Callable[[], None] | None = None,
        tend: Callable[[], bool] | None = None,
    ) -> dict[int, T | Exception]:
        """The outcomes of all `count` jobs; progress is reported at once, and then now and again.

        Once it is cancelled, `withdraw` is called and CancelledError is raised as soon as no job is left (without
        `withdraw`, at once); what was done stays done. `tend` is called now and again, too; once it returns False there
        is nothing to wait for any more, and the outcomes so far are given.
        """
        self._count = count
        while True:
            text = f"{self.task}: {len(self._results)} of {count} VMs"
            context.progress(self._done(), count * self.units, text)
            if len(self._results) >= count or not (tend is None or tend()):
                break
            if not self.cancelled and context.cancelled():
                self.cancelled = True
                if withdraw is None:
                    break
                withdraw()
            try:  # noqa: SIM105  # `suppress` needs memory itself
                self._complete.get(timeout=POLL)
            except Empty:
                pass
        if self.cancelled:
            done = sum(not isinstance(outcome, CancelledError) for outcome in self._results.values())
            raise CancelledError(f"{self.task}: cancelled after {done} of {count} VMs")
        return cast("dict[int, T | Exception]", self._results)

    def _done(self) -> int:
        partial = sum(units for vm, units in list(self._partial.items()) if vm not in self._results)
        return len(self._results) * self.units + partial
