"""The threads that serve mailboxes: one job at a time per VM, first come first served, all VMs in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from queue import SimpleQueue

from .errors import CancelledError, NotFoundError, UsageError
from .mailbox import Actor, Batch, Job, T
from .model import VMState
from .vm import LuaVM
from .watchdog import Watchdog


class Workers:
    """`count` threads. Methods may be called from any thread; `lock` guards the fields of all actors.

    Raises UsageError when the system does not give a process so many.
    """

    def __init__(self, count: int) -> None:
        self.lock = threading.Lock()
        self.watchdog = Watchdog()
        self.touched: set[Actor] = set()  # whose row may be different than when the pool was asked last
        self._running: set[Actor] = set()
        self._ready: SimpleQueue[Actor | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        try:
            for number in range(1, count + 1):
                thread = threading.Thread(target=self._work, name=f"moonscope-worker-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except RuntimeError:
            there = len(self._threads)
            self.stop(time.monotonic() + 5.0)
            raise UsageError(f"{count:,} worker threads cannot be had: the system gave {there:,}") from None

    def running(self) -> list[LuaVM]:
        """The VMs that run now."""
        with self.lock:
            return [actor.vm for actor in self._running if actor.vm is not None]

    def post(self, actor: Actor, job: Job) -> None:
        """Put a job into the mailbox; one for a VM that is being closed is over at once, with an error."""
        with self.lock:
            if not actor.closing:
                self.enqueue(actor, job)
                return
        job.batch.finish(actor.id, _closed_before(actor, job))

    def enqueue(self, actor: Actor, job: Job) -> None:
        """As `post`, whatever the state; the caller holds `lock`."""
        actor.jobs.append(job)
        self.touched.add(actor)
        if not actor.scheduled:
            actor.scheduled = True
            self._ready.put(actor)

    def post_last(self, actor: Actor, job: Job) -> bool:
        """The job that closes a VM: drops what waits, interrupts what runs. False when it is being closed already."""
        with self.lock:
            if actor.closing:
                return False
            actor.closing = True
            dropped, now = list(actor.jobs), actor.now
            actor.jobs.clear()
            self.enqueue(actor, job)
        for waiting in dropped:
            waiting.batch.finish(actor.id, _closed_before(actor, waiting))
        if now is not None:
            self.watchdog.end(now)
        return True

    def withdraw(self, batch: Batch[T], actors: Iterable[Actor]) -> None:
        """Drop the jobs of a batch that have not begun, interrupt those that have."""
        for actor in actors:
            with self.lock:
                dropped = [job for job in actor.jobs if job.batch is batch]
                for job in dropped:
                    actor.jobs.remove(job)
                self.touched.add(actor)
                now = actor.now
            for job in dropped:
                job.batch.finish(actor.id, CancelledError(f"VM {actor.id}: cancelled before: {job.task}"))
            if now is not None and now.batch is batch:
                self.watchdog.end(now)

    def interrupt(self, actor: Actor) -> bool:
        """End what a VM does now; what waits for it stays. False when it does nothing, or is being closed."""
        now = actor.now
        if now is None or actor.closing:
            return False
        self.watchdog.end(now)
        return True

    def stop(self, deadline: float) -> None:
        """End the threads, when their jobs are over; those that are not by then (`time.monotonic`) are left behind."""
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.watchdog.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (actor := self._ready.get()) is not None:
            self._serve(actor)
            del actor  # waiting for the next one must not keep a VM alive

    def _serve(self, actor: Actor) -> None:
        """One job; then the others have their turn."""
        with self.lock:
            job = actor.jobs.popleft() if actor.jobs else None
            if job is None:  # withdrawn meanwhile
                actor.scheduled = False
                return
            before, actor.now = actor.state, job
            self._running.add(actor)
            self.touched.add(actor)
            if before is not VMState.STARTING:
                actor.state = VMState.RUNNING
        try:
            outcome = job.run(actor)
        except Exception as error:
            outcome = error.with_traceback(None)  # its frames would keep the VM alive
        with self.lock:
            actor.now = None
            self._running.discard(actor)
            self.touched.add(actor)
            actor.scheduled = bool(actor.jobs)
            if actor.scheduled:
                self._ready.put(actor)
            if actor.state is not VMState.CLOSED:
                actor.settle(outcome, before)
        job.batch.finish(actor.id, outcome)


def _closed_before(actor: Actor, job: Job) -> NotFoundError:
    return NotFoundError(f"VM {actor.id} was closed before: {job.task}")
