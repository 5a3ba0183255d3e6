"""Whole messages over a stream, on an event loop: the host's side of a connection.

`multiprocessing.connection` is not enough: it blocks, has no deadlines, and does not limit a message before reading it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from ..errors import ConnectionLost
from ..wire.framing import CHUNK, HEADER_BYTES, STALL_SECONDS, closed, cut_off, gone, header, length_in, reads_nothing

_PEER = "the client"
_SLOWEST = 64 * 1024  # bytes a second, on average, in which a message must come once it has begun


class Stream:
    """One task receives and one sends. What is not sent yet lies with the sender: a chunk at most is on its way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._full_since: float | None = None
        writer.transport.set_write_buffer_limits(high=0)

    @classmethod
    async def over(cls, sock: socket.socket) -> Stream:
        """`sock` does not block; the Stream closes it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, protocol = await loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(reader), sock)
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def receive(self, limit: int) -> bytes:
        """The next message, of at most `limit` bytes; there is no deadline for its first bytes.

        Raises ConnectionLost when the client has gone between messages, ProtocolError when it went within one, sends
        it too slowly, or when the message is larger than `limit` (it is not read then).
        """
        length = length_in(await self._read(HEADER_BYTES, "its length"), limit, _PEER)
        try:
            async with asyncio.timeout(STALL_SECONDS + length / _SLOWEST):
                return await self._read(length, "the message")
        except TimeoutError:
            raise ConnectionLost(f"{_PEER} did not send the rest of a message in time") from None

    async def send(self, message: bytes) -> None:
        """Returns when the system has taken all of it. Raises ConnectionLost when the client is gone, or takes nothing
        for a minute."""
        rest = memoryview(message)
        chunk: bytes | memoryview = header(message) + rest[: CHUNK - HEADER_BYTES]
        rest = rest[CHUNK - HEADER_BYTES :]
        while True:
            await self._write(chunk)
            if not rest:
                return
            chunk, rest = rest[:CHUNK], rest[CHUNK:]

    def stalled(self) -> float:
        """For how many seconds the client has taken nothing of what is being sent; 0 when there is nothing."""
        return 0.0 if self._full_since is None else asyncio.get_running_loop().time() - self._full_since

    async def finish(self, seconds: float) -> None:
        """Say that nothing more will come, and let the client read the last message before `close`.

        What it still sends is read and dropped meanwhile: a TCP socket that is closed with unread bytes is
        reset, and the client would lose what we said last. When no task receives any more.
        """
        with contextlib.suppress(OSError, TimeoutError):
            self._writer.write_eof()
            async with asyncio.timeout(seconds):
                while await self._reader.read(CHUNK):
                    pass

    def close(self) -> None:
        """Give the socket back. What is not sent is dropped."""
        self._writer.transport.abort()

    async def _write(self, chunk: bytes | memoryview) -> None:
        if self._writer.is_closing():
            raise closed(_PEER)
        try:
            self._writer.write(chunk)
            if self._writer.transport.get_write_buffer_size():
                self._full_since = asyncio.get_running_loop().time()
                async with asyncio.timeout(STALL_SECONDS):
                    await self._writer.drain()
                self._full_since = None
        except TimeoutError as error:
            raise reads_nothing(_PEER) from error
        except OSError as error:
            raise gone(_PEER, error) from error

    async def _read(self, count: int, what: str) -> bytes:
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            if error.partial or what == "the message":
                raise cut_off(_PEER, len(error.partial), count, what) from None
            raise closed(_PEER) from None
        except OSError as error:
            raise gone(_PEER, error) from error
