"""The unanswered requests of one client: which may begin, which are stopped; the answer of each as data, whatever
happens."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..commands import Command
from ..commands.codec import encode_answer
from ..errors import CancelledError, MoonscopeError, ProtocolError, UsageError
from ..model import Context
from ..wire.messages import ErrorInfo, Progress, Response, encode
from .service import EngineLike, Service
from .thread_pool import NoThread
from .updates import post

log = logging.getLogger("moonscope.host")


class Job:
    """`answer` runs on a thread of a pool; everything else on the loop.

    It has `begun` once its work stands in the mailboxes of the VMs (the engine reports progress then), or is over.
    """

    def __init__(self, id: int, command: Command[Any]) -> None:
        self.id = id
        self.command = command
        self.after: set[Job] = set()  # those of the same client that must have begun before
        self.started = False  # given to a thread
        self.begun = False
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the command to stop, which ends with a CancelledError when it next checks. Any thread."""
        self._cancelled.set()

    def answer(self, engine: EngineLike, gap: float, begin: Callable[[], None], send: Callable[[bytes], None]) -> bytes:
        """Carry the command out; the encoded Response. Never raises.

        `begin` is called when the engine reports progress first, `send` with a Progress message at most once in `gap`
        seconds.
        """
        reported: float | None = None

        def progress(done: int, total: int, text: str = "") -> None:
            nonlocal reported
            now = time.monotonic()
            if reported is None:
                begin()
            if reported is None or now - reported >= gap:
                reported = now
                send(encode(Progress(self.id, done, total, text)))

        return self._perform(engine, Context(progress, self._cancelled.is_set))

    def _perform(self, engine: EngineLike, context: Context) -> bytes:
        try:
            return answered(self.id, engine.perform(self.command, context))
        except MoonscopeError as error:
            return failed(self.id, error)
        except BaseException as error:  # the asker gets an answer, and the host lives on
            log.exception("unexpected error in %s", type(self.command).__name__)
            text = f"unexpected error in the host: {type(error).__name__}: {error}"
            return failed(self.id, MoonscopeError(text))


class Requests:
    """Used on the loop alone. `answer` is called with each encoded Response, and what to call just before it is sent;
    `report` with the id of a request and an encoded Progress message."""

    def __init__(
        self,
        service: Service,
        answer: Callable[[bytes, Callable[[], None]], None],
        report: Callable[[int, bytes], None],
    ) -> None:
        self._service = service
        self._answer = answer
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[int, Job] = {}

    def begin(self, id: int, command: Command[Any]) -> None:
        """Carry it out when its turn comes. Raises ProtocolError when the id is in use, UsageError when too many are
        unanswered."""
        if id in self._jobs:
            raise ProtocolError(f"a client used the request id {id} twice")
        job, limit = Job(id, command), self._service.limits.requests
        in_turn = command.in_turn
        if sum(other.command.in_turn == in_turn for other in self._jobs.values()) >= limit:
            raise UsageError(f"{limit} requests are unanswered; wait for one of them")
        job.begun = not command.holds_others
        if in_turn:
            job.after = {other for other in self._jobs.values() if not other.begun}
        self._jobs[job.id] = job
        if not job.after:
            self._start(job)

    def cancel(self, id: int) -> None:
        """One that has not begun is answered at once."""
        job = self._jobs.get(id)
        if job is None:  # its answer is on the way already
            return
        job.cancel()
        if not job.started:
            job.started = True
            self._end(job, failed(id, CancelledError("cancelled before it began")))

    def cancel_all(self) -> None:
        """What has not begun never does, and is not answered."""
        for job in self._jobs.values():
            job.cancel()
            job.started = True

    def _start(self, job: Job) -> None:
        job.started = True
        gap, engine = self._service.limits.progress_gap, self._service.engine

        def carry_out() -> None:
            answer = job.answer(engine, gap, lambda: self._post(lambda: self._begin(job)), report)
            self._post(lambda: self._end(job, answer))

        def report(message: bytes) -> None:
            self._post(lambda: self._report(job.id, message))

        try:
            self._service.pool_for(job.command).submit(carry_out)
        except NoThread as error:
            log.error("%s was not carried out: %s", type(job.command).__name__, error)
            text = f"{error}; end something that runs, and try again"
            self._end(job, failed(job.id, MoonscopeError(text)))

    def _begin(self, job: Job) -> None:
        """Those that waited for it may begin, too."""
        if job.begun:
            return
        job.begun = True
        for other in list(self._jobs.values()):
            if job in other.after:
                other.after.discard(job)
                if not other.after and not other.started:
                    self._start(other)

    def _end(self, job: Job, answer: bytes) -> None:
        self._answer(answer, lambda: self._forget(job))
        self._begin(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)

    def _post(self, work: Callable[[], object]) -> None:
        post(self._loop, work)


def answered(id: int, answer: object) -> bytes:
    """The encoded Response, or one that says why it cannot be sent."""
    try:
        return encode(Response(id, encode_answer(answer)))
    except (ProtocolError, ValueError, TypeError) as error:
        return failed(id, ProtocolError(f"the answer cannot be sent: {error}"))


def failed(id: int, error: MoonscopeError) -> bytes:
    """The encoded Response."""
    return encode(Response(id, error=ErrorInfo(error.code, str(error))))
