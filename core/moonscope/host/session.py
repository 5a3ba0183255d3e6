"""One connection of one client, from its first byte to its last.

Three threads: this one reads, a `Sender` writes, and a third waits for the engine's changes. A client that
stops reading stops only its own three.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from ..errors import ConnectionLost, MoonscopeError, ProtocolError, UnsupportedError, UsageError
from ..protocol import (
    VERSION,
    Cancel,
    Done,
    ErrorInfo,
    Hello,
    Refused,
    Request,
    Response,
    Shutdown,
    Welcome,
    decode_from_client,
    encode,
)
from ..transport import Connection, Sender, prove_to_client
from .feed import Feed
from .job import Job, failure
from .service import Service

log = logging.getLogger("moonscope.host")

_FAREWELL_SECONDS = 1.0  # for the last message to be read


class Session:
    """`run` returns when the client is gone; `end` makes it go. What it had asked for is cancelled then."""

    def __init__(self, connection: Connection, service: Service) -> None:
        self._connection = connection
        self._service = service
        self._jobs: dict[int, Job] = {}
        self._jobs_lock = threading.Lock()
        self._ended = threading.Event()
        self._reason: MoonscopeError | None = None  # why the host ends it
        self._sender: Sender | None = None  # once client and host have met

    def end(self, reason: MoonscopeError) -> None:
        """Tell the client why, and let go of it. Any thread."""
        self._say_farewell(reason)
        self._connection.stop_receiving()

    def run(self) -> None:
        try:
            self._meet()
        except ConnectionLost:
            pass
        except MoonscopeError as error:
            log.warning("refused a connection: %s", error)
            self._refuse(error)
        else:
            self._serve()
        finally:
            self._connection.close()

    def _meet(self) -> None:
        """Authenticate, and agree on the version."""
        deadline = time.monotonic() + self._service.limits.handshake_seconds
        prove_to_client(self._connection, self._service.key, deadline)
        hello = decode_from_client(self._connection.receive(self._service.limits.message_bytes, deadline))
        if not isinstance(hello, Hello):
            raise ProtocolError("the first message of a client must be Hello")
        if hello.version != VERSION:
            raise ProtocolError(
                f"this host speaks version {VERSION} of the protocol and the client version {hello.version}: "
                "use the same version of Moonscope on both sides"
            )
        self._connection.send(encode(Welcome(VERSION, os.getpid(), "moonscope", self._service.embedded)))

    def _refuse(self, error: MoonscopeError) -> None:
        try:
            self._connection.send(_refused(error))
        except ConnectionLost:
            return
        self._connection.finish(_FAREWELL_SECONDS)

    def _serve(self) -> None:
        self._sender = sender = Sender(self._connection, "moonscope-send")
        if self._reason is not None:  # it was ended while there was no sender yet
            self._say_farewell(self._reason)
        feed = Feed(self._service.engine, self._service.limits, sender)
        pusher = threading.Thread(target=self._push, args=(feed,), name="moonscope-push", daemon=True)
        pusher.start()
        try:
            while not self._ended.is_set() and sender.wait_below(self._service.limits.backlog_bytes):
                self._handle(self._connection.receive(self._service.limits.message_bytes), sender, feed)
        except ConnectionLost:
            pass
        except ProtocolError as error:
            log.warning("closed a connection: %s", error)
            self._say_farewell(error)
        self._ended.set()
        feed.end()
        self._cancel_all()
        sender.close(_FAREWELL_SECONDS)
        pusher.join()
        self._connection.finish(_FAREWELL_SECONDS)

    def _say_farewell(self, reason: MoonscopeError) -> None:
        self._reason = reason
        self._ended.set()
        if self._sender is not None:
            self._sender.send(_refused(reason))  # dropped if there was a farewell before
            self._sender.stop()

    def _handle(self, data: bytes, sender: Sender, feed: Feed) -> None:
        match decode_from_client(data):
            case Cancel(id=id):
                with self._jobs_lock:
                    job = self._jobs.get(id)
                if job is not None:  # else its answer is on the way already
                    job.cancel()
            case Request(command=Shutdown()) as request:
                self._shut_down(request, sender)
            case Request() as request:
                self._begin(request, sender, feed)
            case Hello():
                raise ProtocolError("a client said Hello twice")

    def _begin(self, request: Request, sender: Sender, feed: Feed) -> None:
        service, command = self._service, request.command
        job = Job(request, service, sender)
        if not service.holds_others(command):
            job.begun.set()
        before: list[Job] = []
        with self._jobs_lock:
            if request.id in self._jobs:
                raise ProtocolError(f"a client used the request id {request.id} twice")
            full = len(self._jobs) >= service.limits.requests
            if not full:
                if service.waits_its_turn(command):
                    before = [earlier for earlier in self._jobs.values() if not earlier.begun.is_set()]
                self._jobs[request.id] = job
        if full:
            error = UsageError(f"{service.limits.requests} requests are unanswered; wait for one of them")
            sender.send(encode(failure(request.id, error)))
            return
        service.lane_for(command).submit(lambda: self._carry_out(job, before, sender, feed))

    def _carry_out(self, job: Job, before: list[Job], sender: Sender, feed: Feed) -> None:
        answer = job.answer(before)

        def send() -> None:
            with self._jobs_lock:
                del self._jobs[job.id]  # first, so that the client may use the id again
            sender.send(answer)

        feed.answer(send)

    def _shut_down(self, request: Request, sender: Sender) -> None:
        if not self._service.embedded:
            text = "this host belongs to another program, which alone can end it; detach from it instead"
            sender.send(encode(failure(request.id, UnsupportedError(text))))
            return
        sender.send(encode(Response(request.id, result=Done(1))))
        self._service.shutdown.set()

    def _cancel_all(self) -> None:
        with self._jobs_lock:
            for job in self._jobs.values():
                job.cancel()

    def _push(self, feed: Feed) -> None:
        try:
            feed.run()
        except Exception as error:
            log.exception("unexpected error while reading the engine's changes")
            self.end(MoonscopeError(f"the host cannot read its own state: {type(error).__name__}: {error}"))


def _refused(error: MoonscopeError) -> bytes:
    return encode(Refused(ErrorInfo(error.code, str(error))))
