"""The threads that serve mailboxes: one job at a time per VM, all commands in turn."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from ..errors import CancelledError, MoonscopeError, NotFoundError, UsageError
from ..model import VMState
from .mailbox import Actor, Batch, Job
from .time_slices import TimeSlices, processors
from .turns import Turns
from .vm import LuaVM
from .watchdog import REPEAT, Watchdog

MAX_WORKERS = 1024  # scripts at once
RESERVE = 8  # further threads, for brief jobs that take long
LONG_SECONDS = 0.02  # after which a job counts as one that takes long
_NICE = 10  # of threads whose job takes long: what answers windows, and short jobs, go before them
_RETRY = 0.005  # seconds after memory ran out


def limit(count: int, maximum: int | None) -> int:
    """The most scripts that may run at once. Raises UsageError for numbers that cannot hold."""
    if count < 1:
        raise UsageError(f"a pool needs at least one worker, not {count}")
    if maximum is not None and maximum < count:
        raise UsageError(f"{count:,} workers and at most {maximum:,} of them cannot be had together")
    return max(count, MAX_WORKERS) if maximum is None else maximum


class _Worker:
    """One thread. `since`: when it began its job. `aside`: its job takes long; another thread has its place."""

    __slots__ = ("actor", "aside", "since", "thread")

    def __init__(self, target: Any, number: int) -> None:
        self.actor: Actor | None = None
        self.aside = False
        self.since = 0.0
        name = f"moonscope-worker-{number}"
        self.thread = threading.Thread(target=target, args=(self,), name=name, daemon=True)


class _Look:
    """To the watchdog, a run: it is tried again and again, until there is nothing to look after."""

    repeat = REPEAT

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def interrupt(self, reason: int) -> bool:
        return self._workers.look(watching=True)


class Workers:
    """`count` threads do jobs as they come. A job that takes long keeps its thread for itself, at a lower priority
    (Linux): another thread takes its place, and it ends with the job. Of scripts that take long as many go on at a time
    as there are processors: see `TimeSlices`. While `maximum` scripts are under way, only brief jobs begin.

    The threads that must exist are started here; one that cannot be started later is tried again. Methods may be called
    from any thread; `lock` guards the fields of all actors. Raises UsageError when the system does not give a process
    so many threads, or the numbers cannot hold.
    """

    def __init__(self, count: int, maximum: int | None = None) -> None:
        self.lock = threading.Lock()
        self.count = count
        self.maximum = limit(count, maximum)
        self.touched: set[Actor] = set()  # whose row may be different than when the pool was asked last
        self._turns = Turns(count)
        self._slices = TimeSlices(processors())
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._idle = 0  # threads that wait for a token, and for which there is none yet
        self._scripts = 0  # jobs under way that are not brief
        self._workers: set[_Worker] = set()
        self._aside: set[_Worker] = set()
        self._abandoned: set[Actor] = set()
        self._numbers = itertools.count(1)
        self._stopping = False
        self._looks = _Look(self)
        self._looking = False  # the watchdog calls `look`
        try:
            self.watchdog = Watchdog(lasting=True)
            for _ in range(count):
                self._start()
        except BaseException as error:
            there = len(self._workers)
            if hasattr(self, "watchdog"):
                self.stop(time.monotonic() + 5.0)
            if not isinstance(error, RuntimeError):
                raise
            raise UsageError(f"{count:,} worker threads cannot be had: the system gave {there:,}") from None

    # What there is

    def running(self) -> list[LuaVM]:
        """The VMs that run now."""
        with self.lock:
            actors = [worker.actor for worker in (*self._workers, *self._aside)]
            return [actor.vm for actor in actors if actor is not None and actor.vm is not None]

    def abandoned(self) -> list[Actor]:
        """Those that were given up and go on."""
        with self.lock:
            return list(self._abandoned)

    # Jobs in

    def post(self, actor: Actor, job: Job) -> None:
        """Put a job into the mailbox; one for a VM that is being closed is over at once, with an error."""
        with self.lock:
            if not actor.closing:
                self.enqueue(actor, job)
                return
        _drop(actor, (job,))

    def enqueue(self, actor: Actor, job: Job) -> None:
        """As `post`, whatever the state; the caller holds `lock`."""
        self.touched.add(actor)
        actor.jobs.append(job)
        if actor.now is None and actor.turn is None:
            try:
                self._turns.add(actor)
            except MemoryError:
                actor.jobs.pop()
                raise
            self._rouse()

    def post_last(self, actor: Actor, job: Job) -> bool:
        """The job that closes a VM: drops what waits, interrupts what runs. False when it is being closed already."""
        with self.lock:
            if actor.closing:
                return False
            dropped, now = list(actor.jobs), actor.now
            self._turns.remove(actor)
            actor.jobs.clear()
            try:
                self.enqueue(actor, job)
                actor.closing = True
            finally:
                _drop(actor, dropped)
        if now is not None:
            self._tell(actor, now)
        return True

    def withdraw(self, batch: Batch[Any], actors: Iterable[Actor]) -> None:
        """Drop the jobs of a batch that have not begun, interrupt those that have."""
        for actor in actors:
            with self.lock:
                dropped = [job for job in actor.jobs if job.batch is batch]
                if dropped:
                    self.touched.add(actor)
                    self._turns.remove(actor)
                    for job in dropped:
                        actor.jobs.remove(job)
                    if actor.jobs and actor.now is None:
                        self._turns.add(actor)
                now = actor.now
            for job in dropped:
                job.batch.finish(actor.id, CancelledError(f"VM {actor.id}: cancelled before: {job.task}"))
            if now is not None and now.batch is batch:
                self._tell(actor, now)

    # Ending what goes on

    def interrupt(self, actor: Actor) -> Job | None:
        """Tell what a VM does now to end; what waits for it stays. None when it does nothing."""
        now = actor.now
        if now is not None:
            self._tell(actor, now)
        return now

    def found_stuck(self, actor: Actor, job: Job, inside: str) -> None:
        """It was told to end, and is still inside that."""
        with self.lock:
            job.stuck_in = inside
            self.touched.add(actor)

    def abandon(self, actor: Actor, now: Job | None) -> bool:
        """Give the VM up with what it does: its worker is replaced, its jobs are over. When what it does returns after
        all, that thread closes the VM and ends. False when that is over by now."""
        with self.lock:
            if actor.now is not now or actor.abandoned:
                return False
            dropped = list(actor.jobs)
            if now is not None:
                worker = next(worker for worker in (*self._workers, *self._aside) if worker.actor is actor)
                self._abandoned.add(actor)
                self._workers.discard(worker)
                self._leave(worker, now)
            self._turns.remove(actor)
            actor.jobs.clear()
            actor.closing = actor.abandoned = True
        if now is not None:
            self._tell(actor, now)
            now.batch.finish(actor.id, MoonscopeError(f"VM {actor.id} is inside {actor.inside} and was abandoned"))
        _drop(actor, dropped)
        self.look()
        return True

    def look(self, *, watching: bool = False) -> bool:
        """Give jobs that take long a thread for themselves, and those that wait a thread that is free. False when there
        is nothing to look after. The watchdog calls this every few milliseconds (`watching`), and whoever waits for a
        job does now and again, so a failure has no consequences."""
        now = time.monotonic()
        with self.lock:
            for worker in list(self._workers):
                if worker.actor is not None and now - worker.since >= LONG_SECONDS:
                    self._set_aside(worker, worker.actor, now)
            self._slices.turn(now)
            self._turns.grow(now)
            wanted = self._may_take()
            for _ in range(self._idle if wanted else 0):
                self._rouse()
            missing = 0 if self._stopping else self.count - len(self._workers)
            busy = wanted or missing > 0 or len(self._workers) > self._idle or len(self._aside) > 0
            if watching:
                self._looking = busy
        for _ in range(missing):
            with suppress(RuntimeError, MemoryError):
                self._start()
        return busy

    def stop(self, deadline: float) -> None:
        """End the threads, when their jobs are over; those that are not by then (`time.monotonic`) are left behind."""
        with self.lock:
            self._stopping = True
            threads = [worker.thread for worker in (*self._workers, *self._aside)]
        for _ in threads:
            self._tokens.put(None)
        for thread in threads:
            with suppress(RuntimeError):  # it was never started
                thread.join(max(0.0, deadline - time.monotonic()))
        self.watchdog.stop(max(0.0, deadline - time.monotonic()))

    # Inside

    def _tell(self, actor: Actor, job: Job) -> None:
        now = time.monotonic()
        if job.told is None:
            job.told = now
        self.watchdog.end(job)
        with self.lock:
            if actor.now is job and actor.vm is not None:
                self._slices.hurry(actor.vm, now)

    def _rouse(self) -> None:
        """Under the lock: a thread that waits has something to do. Without memory for a token, whoever waits for the
        job finds that nobody took it: `grow`."""
        if self._idle:
            try:
                self._tokens.put(None)
            except MemoryError:
                return
            self._idle -= 1

    def _may_take(self) -> bool:
        return self._turns.any(brief=self._scripts >= self.maximum)

    def _set_aside(self, worker: _Worker, actor: Actor, now: float) -> None:
        """Under the lock, so that the thread is there."""
        if len(self._aside) >= self.maximum + RESERVE:
            return
        self._aside.add(worker)
        self._workers.discard(worker)
        worker.aside = True
        if sys.platform == "linux":  # elsewhere it would be the whole process
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, worker.thread.native_id or 0, _NICE)
        if actor.vm is not None and actor.now is not None and not actor.now.batch.brief:
            self._slices.add(actor.vm, now)

    def _start(self) -> None:
        """Start a thread, unless there are enough."""
        worker = _Worker(self._work, next(self._numbers))
        with self.lock:
            if len(self._workers) >= self.count or self._stopping:
                return
            self._workers.add(worker)
        try:
            worker.thread.start()
        except BaseException:
            with self.lock:
                self._workers.discard(worker)
            raise

    def _work(self, worker: _Worker) -> None:
        while True:
            try:
                if not self._turn(worker):
                    return
            except MemoryError:  # it passes; jobs must be done then
                time.sleep(_RETRY)

    def _turn(self, worker: _Worker) -> bool:
        """Do a job or wait for one. False: the thread is not needed any more. Waiting must not keep a VM alive."""
        actor = self._next(worker)
        return self._serve(worker, actor) if actor is not None else self._wait(worker)

    def _next(self, worker: _Worker) -> Actor | None:
        """Take a job, or note that this thread waits for one."""
        now = time.monotonic()
        with self.lock:
            if not self._looking and self._may_take():
                self.watchdog.end(self._looks, after=LONG_SECONDS)
                self._looking = True
            actor = self._turns.take(now, brief=self._scripts >= self.maximum)
            if actor is None:
                self._idle += 1
                return None
            actor.now = job = actor.jobs.popleft()
            worker.actor = actor
            worker.since = job.begun = now
            self._scripts += not job.batch.brief
            try:  # noqa: SIM105  # `suppress` needs memory itself
                self.touched.add(actor)
            except MemoryError:  # its row shows this job late
                pass
            return actor

    def _wait(self, worker: _Worker) -> bool:
        """Wait for a token. False: the thread is not needed any more."""
        while not self._stopping:
            try:
                self._tokens.get()
            except MemoryError:
                pass
            else:
                return True
        with self.lock:
            self._workers.discard(worker)
        return False

    def _serve(self, worker: _Worker, actor: Actor) -> bool:
        """One job; then the others have their turn. False: the thread is not needed any more."""
        job, before = actor.now, actor.state
        assert job is not None
        outcome: object
        try:
            if before is not VMState.STARTING:
                actor.state = VMState.RUNNING
            outcome = job.run(actor)
        except BaseException as error:
            outcome = error
        while True:
            try:
                if isinstance(outcome, BaseException):
                    outcome.__traceback__ = None  # its frames would keep the VM alive
                if self._settle(worker, actor, job, before, outcome):
                    job.batch.finish(actor.id, outcome)
                    return not worker.aside
                self._bury(actor)
                return False
            except MemoryError:  # it passes; whoever waits for the job must be told then
                time.sleep(_RETRY)

    def _settle(self, worker: _Worker, actor: Actor, job: Job, before: VMState, outcome: object) -> bool:
        """The state after a job. False when the VM is abandoned. May be done again."""
        with self.lock:
            if actor.abandoned:
                return False
            if actor.now is job:
                self.touched.add(actor)
                if actor.state is not VMState.CLOSED:
                    actor.settle(outcome, before)
                if actor.jobs and actor.turn is None:
                    self._turns.add(actor)
                if worker.aside and len(self._workers) < self.count:  # no other could be started
                    self._workers.add(worker)
                    worker.aside = False
                self._leave(worker, job)
                actor.now = None
            return True

    def _leave(self, worker: _Worker, job: Job) -> None:
        self._aside.discard(worker)
        if worker.actor is not None and worker.actor.vm is not None:
            self._slices.remove(worker.actor.vm)
        self._turns.ended(job.batch, time.monotonic())
        self._scripts -= not job.batch.brief
        worker.actor = None

    def _bury(self, actor: Actor) -> None:
        """What an abandoned VM did has returned: give back what was leaked."""
        if actor.vm is not None:
            actor.vm.close()
        with self.lock:
            actor.now = None
            self._abandoned.discard(actor)


def _drop(actor: Actor, jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.batch.finish(actor.id, NotFoundError(f"VM {actor.id} was closed before: {job.task}"))
