"""One request on its way through the engine, and the answer as data, whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..commands import Command
from ..commands.codec import encode_answer
from ..errors import MoonscopeError, ProtocolError
from ..model import Context
from ..wire.messages import ErrorInfo, Progress, Response, encode
from .service import EngineLike

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


def answered(id: int, answer: object) -> bytes:
    """The encoded Response, or one that says why it cannot be sent."""
    try:
        return encode(Response(id, encode_answer(answer)))
    except (ProtocolError, ValueError, TypeError) as error:
        return failed(id, ProtocolError(f"the answer cannot be sent: {error}"))


def failed(id: int, error: MoonscopeError) -> bytes:
    """The encoded Response."""
    return encode(Response(id, error=ErrorInfo(error.code, str(error))))
