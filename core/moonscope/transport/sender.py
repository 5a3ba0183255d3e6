"""A queue of messages and the thread that sends them, so that whoever has something to say never waits."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import OrderedDict

from ..errors import ConnectionLost
from .connection import Connection

log = logging.getLogger("moonscope.transport")


class Sender:
    """Sends messages in the order they were given. All methods may be called from any thread."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._queue: OrderedDict[int, bytes] = OrderedDict()
        self._tickets = itertools.count()
        self._unsent_bytes = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def send(self, message: bytes, instead_of: int | None = None) -> int | None:
        """Queue a message; returns a ticket, or None when the sender is closed and the message dropped.

        `instead_of` is the ticket of an earlier message that need not be sent any more: if it is still
        queued, the new one takes its place and its ticket.
        """
        with self._changed:
            if self._closing:
                return None
            ticket = next(self._tickets)
            if instead_of is not None and (replaced := self._queue.get(instead_of)) is not None:
                ticket = instead_of
                self._unsent_bytes -= len(replaced)
            self._queue[ticket] = message
            self._unsent_bytes += len(message)
            self._changed.notify_all()
            return ticket

    def wait_below(self, unsent_bytes: int) -> bool:
        """Wait until less than that many bytes are unsent; False when the sender was closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._unsent_bytes < unsent_bytes)
            return not self._closing

    def stop(self) -> None:
        """Take no further message; what is queued is still sent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Stop, wait at most that long for what is queued to be sent, then end the connection. Idempotent."""
        self.stop()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._connection.shutdown()
            self._thread.join()

    def _run(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._connection.send(message)
            except ConnectionLost as error:
                log.info("stopped sending: %s", error)
                self._give_up()
                return
            with self._changed:
                self._unsent_bytes -= len(message)
                self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._queue)
            return self._queue.popitem(last=False)[1] if self._queue else None

    def _give_up(self) -> None:
        with self._changed:
            self._closing = True
            self._queue.clear()
            self._unsent_bytes = 0
            self._changed.notify_all()
        self._connection.shutdown()
