"""A queue of messages and the thread that sends them, so that a client that has something to say never waits."""

from __future__ import annotations

import logging
import threading
from collections import deque

from ..errors import ConnectionLost
from .connection import Connection

log = logging.getLogger("moonscope.wire")


class Sender:
    """Sends messages in the order they were given. All methods may be called from any thread.

    Raises RuntimeError when the system gives no thread.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._queue: deque[bytes] = deque()
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def send(self, message: bytes) -> None:
        """Queue a message; it is dropped when the sender was stopped."""
        with self._changed:
            if not self._closing:
                self._queue.append(message)
                self._changed.notify_all()

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

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._queue)
            return self._queue.popleft() if self._queue else None

    def _give_up(self) -> None:
        with self._changed:
            self._closing = True
            self._queue.clear()
        self._connection.shutdown()
