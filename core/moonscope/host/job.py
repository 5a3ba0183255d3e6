"""One request on its way through the engine, and the answer as data, whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from ..errors import CancelledError, MoonscopeError, ProtocolError
from ..protocol import ErrorInfo, Progress, Request, Response, encode
from ..transport import Sender
from .service import Service

log = logging.getLogger("moonscope.host")


class Job:
    """`answer` runs on a thread of a lane; `cancel` may be called from any thread.

    `begun` is set once its work stands in the mailboxes of the VMs (the engine reports progress then), or is over.
    """

    def __init__(self, request: Request, service: Service, sender: Sender) -> None:
        self.id = request.id
        self.begun = threading.Event()
        self._command = request.command
        self._service = service
        self._sender = sender
        self._cancelled = threading.Event()
        self._last_progress = 0.0
        self._progress_ticket: int | None = None

    def cancel(self) -> None:
        self._cancelled.set()

    def answer(self, after: Iterable[Job] = ()) -> bytes:
        """Carry the command out, not before the others have begun; the encoded Response. Never raises."""
        for job in after:
            job.begun.wait()
        response = self._perform()
        self.begun.set()
        try:
            return encode(response)
        except (ProtocolError, ValueError, TypeError) as error:
            return encode(failure(self.id, ProtocolError(f"the answer cannot be sent: {error}")))

    def _perform(self) -> Response:
        try:
            if self._cancelled.is_set():
                raise CancelledError("cancelled before it began")
            engine = self._service.engine
            return Response(self.id, result=engine.perform(self._command, self._progress, self._cancelled.is_set))
        except MoonscopeError as error:
            return failure(self.id, error)
        except BaseException as error:  # the asker gets an answer, and the host lives on
            log.exception("unexpected error in %s", type(self._command).__name__)
            text = f"unexpected error in the host: {type(error).__name__}: {error}"
            return Response(self.id, error=ErrorInfo("error", text))

    def _progress(self, done: int, total: int, text: str = "") -> None:
        self.begun.set()
        now = time.monotonic()
        if now - self._last_progress < self._service.limits.progress_gap:
            return
        self._last_progress = now
        message = encode(Progress(self.id, done, total, text))
        self._progress_ticket = self._sender.send(message, instead_of=self._progress_ticket)


def failure(id: int, error: MoonscopeError) -> Response:
    return Response(id, error=ErrorInfo(error.code, str(error)))
