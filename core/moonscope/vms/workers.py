"""The threads that serve mailboxes: one job at a time per VM, first come first served, all commands in turn."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from ..errors import CancelledError, MoonscopeError, NotFoundError, UsageError
from ..model import VMState
from .mailbox import Actor, Batch, Job
from .turns import Turns
from .vm import LuaVM
from .watchdog import Watchdog

MAX_WORKERS = 64
RESERVE = 8  # further threads, for brief jobs alone
BUSY_SECONDS = 0.05  # when all have been at their job for so long, and something waits, one more is started
IDLE_SECONDS = 2.0  # after which one that is not needed ends
_NICE = 10  # of threads beyond `count`: what answers windows goes before them when there are more than processors
_RETRY = 0.005  # seconds after memory ran out


def limit(count: int, maximum: int | None) -> int:
    """The most threads that may run scripts. Raises UsageError for numbers that cannot hold."""
    if count < 1:
        raise UsageError(f"a pool needs at least one worker, not {count}")
    if maximum is not None and maximum < count:
        raise UsageError(f"{count:,} workers and at most {maximum:,} of them cannot be had together")
    return max(count, MAX_WORKERS) if maximum is None else maximum


class _Worker:
    """One thread. `since`: when it began its job, or was started. `extra`: started because all others were busy."""

    __slots__ = ("actor", "extra", "since", "thread")

    def __init__(self, target: Any, number: int) -> None:
        self.actor: Actor | None = None
        self.extra = False
        self.since = time.monotonic()
        name = f"moonscope-worker-{number}"
        self.thread = threading.Thread(target=target, args=(self,), name=name, daemon=True)


class Workers:
    """`count` threads, and more while all are busy for long, up to `maximum`. Methods may be called from any thread;
    `lock` guards the fields of all actors.

    The threads that must exist are started here; one that cannot be started later is tried again. Scripts take at
    most `maximum` threads; the jobs of brief batches find another. Raises UsageError when the system does not give a
    process so many, or the numbers cannot hold.
    """

    def __init__(self, count: int, maximum: int | None = None) -> None:
        self.lock = threading.Lock()
        self.count = count
        self.maximum = limit(count, maximum)
        self.touched: set[Actor] = set()  # whose row may be different than when the pool was asked last
        self._turns = Turns()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._idle = 0  # threads that wait for a token, and for which there is none yet
        self._scripts = 0  # threads with a job that is not brief
        self._workers: set[_Worker] = set()
        self._abandoned: set[Actor] = set()
        self._numbers = itertools.count(1)
        self._stopping = False
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
            actors = [worker.actor for worker in self._workers]
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
            self._tell(now)
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
                self._tell(now)

    # Ending what goes on

    def interrupt(self, actor: Actor) -> Job | None:
        """Tell what a VM does now to end; what waits for it stays. None when it does nothing."""
        now = actor.now
        if now is not None:
            self._tell(now)
        return now

    def abandon(self, actor: Actor, now: Job | None) -> bool:
        """Give the VM up with what it does: its worker is replaced, its jobs are over. When what it does returns after
        all, that thread closes the VM and ends. False when that is over by now."""
        with self.lock:
            if actor.now is not now or actor.abandoned:
                return False
            dropped = list(actor.jobs)
            if now is not None:
                worker = next(worker for worker in self._workers if worker.actor is actor)
                self._abandoned.add(actor)
                self._workers.discard(worker)
                self._leave(worker, now)
            self._turns.remove(actor)
            actor.jobs.clear()
            actor.closing = actor.abandoned = True
        if now is not None:
            self._tell(now)
            now.batch.finish(actor.id, MoonscopeError(f"VM {actor.id} is inside {actor.inside} and was abandoned"))
        _drop(actor, dropped)
        self.grow()
        return True

    def grow(self) -> None:
        """Start a thread if something waits that may begin, and all threads have been at their job for long (or are
        gone). Those who wait for a job call this again and again, so a failure has no consequences."""
        with self.lock:
            if self._stopping or not self._turns.any(brief=self._scripts >= self.maximum):
                return
            if self._idle:
                self._rouse()
                return
            long_ago = time.monotonic() - BUSY_SECONDS
            if len(self._workers) >= self.maximum + RESERVE or any(w.since > long_ago for w in self._workers):
                return
        with suppress(RuntimeError, MemoryError):
            self._start()

    def stop(self, deadline: float) -> None:
        """End the threads, when their jobs are over; those that are not by then (`time.monotonic`) are left behind."""
        with self.lock:
            self._stopping = True
            threads = [worker.thread for worker in self._workers]
        for _ in threads:
            self._tokens.put(None)
        for thread in threads:
            with suppress(RuntimeError):  # it was never started
                thread.join(max(0.0, deadline - time.monotonic()))
        self.watchdog.stop(max(0.0, deadline - time.monotonic()))

    # Inside

    def _tell(self, job: Job) -> None:
        if job.told is None:
            job.told = time.monotonic()
        self.watchdog.end(job)

    def _rouse(self) -> None:
        """Under the lock: a thread that waits has something to do. Without memory for a token, whoever waits for the
        job finds that nobody took it: `grow`."""
        if self._idle:
            try:
                self._tokens.put(None)
            except MemoryError:
                return
            self._idle -= 1

    def _start(self) -> None:
        worker = _Worker(self._work, next(self._numbers))
        with self.lock:
            self._workers.add(worker)
            worker.extra = len(self._workers) > self.count
        try:
            worker.thread.start()
        except BaseException:
            with self.lock:
                self._workers.discard(worker)
            raise

    def _work(self, worker: _Worker) -> None:
        if worker.extra and sys.platform == "linux":  # elsewhere it would be the whole process
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
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
            actor = self._turns.take(brief=self._scripts >= self.maximum)
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
        timeout = IDLE_SECONDS if len(self._workers) > self.count else None
        while not self._stopping:
            try:
                self._tokens.get(timeout=timeout)
            except (Empty, MemoryError):
                pass
            else:
                return True
            with self.lock:
                try:
                    self._tokens.get_nowait()  # one that came meanwhile is for somebody who waits
                except (Empty, MemoryError):
                    pass
                else:
                    return True
                if len(self._workers) > self.count:
                    self._idle -= 1
                    self._workers.discard(worker)
                    return False
        with self.lock:
            self._workers.discard(worker)
        return False

    def _serve(self, worker: _Worker, actor: Actor) -> bool:
        """One job; then the others have their turn. False: the thread was given up meanwhile."""
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
                    return True
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
                self._leave(worker, job)
                actor.now = None
            return True

    def _leave(self, worker: _Worker, job: Job) -> None:
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
