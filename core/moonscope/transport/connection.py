"""Whole messages over a stream socket: four bytes of length (big-endian), then the message."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from ..errors import ConnectionLost, ProtocolError
from ..protocol import MAX_MESSAGE

_LENGTH = struct.Struct("!I")
_CHUNK = 256 * 1024  # bytes; memory is taken as bytes arrive, not as a stranger claims them
STALL_SECONDS = 60.0


class Connection:
    """One side of a connection. One thread receives and one sends; any thread may call `shutdown`.

    `peer` names the other side in error texts: "the host" or "the client".
    """

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.peer = peer
        self._socket = sock
        self._socket.settimeout(STALL_SECONDS)

    def send(self, data: bytes) -> None:
        """Send one message. Raises ConnectionLost when the other side is gone or takes nothing for a minute."""
        rest = memoryview(_LENGTH.pack(len(data)) + data)
        try:
            while rest:
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise ConnectionLost(f"{self.peer} has read nothing for {STALL_SECONDS:.0f} seconds") from error
        except OSError as error:
            raise ConnectionLost(f"{self.peer} is gone: {_reason(error)}") from error

    def receive(self, limit: int = MAX_MESSAGE, deadline: float | None = None) -> bytes:
        """The next message, of at most `limit` bytes.

        `deadline` (in `time.monotonic` seconds) may be given as long as no other thread sends.
        Raises ConnectionLost when the other side has gone between messages or the deadline has passed,
        ProtocolError when it went within one, or when the message is larger than `limit` (it is not read then).
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline, "its length"))
        if length > limit:
            raise ProtocolError(f"{self.peer} sent a message of {length:,} bytes; the limit is {limit:,}")
        return self._read(length, deadline, "the message")

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
                if not self._socket.recv(_CHUNK):
                    return

    def close(self) -> None:
        """Give the socket back; call it when no thread uses the connection any more."""
        self._socket.close()

    def _read(self, count: int, deadline: float | None, what: str) -> bytes:
        found = bytearray()
        while len(found) < count:
            chunk = self._receive_some(min(count - len(found), _CHUNK), deadline)
            if not chunk and (found or what == "the message"):
                raise ProtocolError(
                    f"{self.peer} was cut off in the middle of a message: {len(found):,} of {count:,} bytes of {what}"
                )
            if not chunk:
                raise ConnectionLost(f"{self.peer} has closed the connection")
            found += chunk
        return bytes(found)

    def _receive_some(self, most: int, deadline: float | None) -> bytes:
        while True:
            try:
                if deadline is not None:
                    self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                return self._socket.recv(most)
            except TimeoutError as error:
                if deadline is not None and time.monotonic() >= deadline:
                    raise ConnectionLost(f"{self.peer} did not answer in time") from error
            except OSError as error:
                raise ConnectionLost(f"{self.peer} is gone: {_reason(error)}") from error
            finally:
                if deadline is not None:
                    self._socket.settimeout(STALL_SECONDS)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
