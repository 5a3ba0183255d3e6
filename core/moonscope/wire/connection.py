"""Whole messages over a blocking socket: the client's side of a connection (the host's is `moonscope.host.stream`)."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from ..errors import ConnectionLost
from .forks import Forkable, forget_in_child
from .framing import CHUNK, HEADER_BYTES, STALL_SECONDS, closed, cut_off, gone, header, length_in, reads_nothing
from .messages import MAX_MESSAGE

_TICK = 0.5  # seconds at most that a thread sleeps in one system call

Idle = Callable[[float], None]


class Connection(Forkable):
    """One side of a connection. One thread receives and one sends; any thread may call `shutdown`.

    `peer` names the other side in error texts: "the host" or "the client".
    """

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.peer = peer
        self._socket = sock
        self._socket.settimeout(_TICK)
        self._heard = time.monotonic()  # when the other side was heard last
        forget_in_child(self)

    def send(self, data: bytes) -> None:
        """Send one message. Raises ConnectionLost when the other side is gone or takes nothing for a minute."""
        rest = memoryview(header(data) + data)
        taken = time.monotonic()
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
                taken = time.monotonic()
            except TimeoutError as error:
                if time.monotonic() - taken >= STALL_SECONDS:
                    raise reads_nothing(self.peer) from error
            except OSError as error:
                raise gone(self.peer, error) from error

    def receive(self, limit: int = MAX_MESSAGE, deadline: float | None = None, idle: Idle | None = None) -> bytes:
        """The next message, of at most `limit` bytes.

        `deadline` is in `time.monotonic` seconds. While nothing comes, `idle(seconds)` is called about twice a
        second with the time since the other side was heard last.
        Raises ConnectionLost when the other side has gone between messages or the deadline has passed,
        ProtocolError when it went within one, or when the message is larger than `limit` (it is not read then).
        """
        length = length_in(self._read(HEADER_BYTES, deadline, idle, "its length"), limit, self.peer)
        return self._read(length, deadline, idle, "the message")

    def shutdown(self) -> None:
        """End both directions, which wakes the threads that send or receive; they then see it as lost."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def stop_receiving(self) -> None:
        """Wake the thread that receives, which then sees the connection as lost; sending goes on. Any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def finish(self, seconds: float) -> None:
        """Say that nothing more will come, and let the other side read the last message before `close`.

        What it still sends is read and dropped meanwhile: a TCP socket that is closed with unread bytes is
        reset, and the other side would lose what we said last.
        """
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(CHUNK):
                    return

    def close(self) -> None:
        """Give the socket back; call it when no thread uses the connection any more."""
        self._socket.close()

    def forget(self) -> None:
        """In a fork: the connection is the parent's; it must end when the parent closes it."""
        self._socket.close()

    def _read(self, count: int, deadline: float | None, idle: Idle | None, what: str) -> bytes:
        found = bytearray()
        while len(found) < count:
            chunk = self._receive_some(min(count - len(found), CHUNK), deadline, idle)
            if not chunk and (found or what == "the message"):
                raise cut_off(self.peer, len(found), count, what)
            if not chunk:
                raise closed(self.peer)
            found += chunk
        return bytes(found)

    def _receive_some(self, most: int, deadline: float | None, idle: Idle | None) -> bytes:
        while True:
            now = time.monotonic()
            if deadline is not None:
                self._socket.settimeout(min(max(deadline - now, 0.001), _TICK))
            try:
                chunk = self._socket.recv(most)
                self._heard = time.monotonic()
                return chunk
            except TimeoutError as error:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    raise ConnectionLost(f"{self.peer} did not answer in time") from error
                if idle is not None:
                    idle(now - self._heard)
            except OSError as error:
                raise gone(self.peer, error) from error
