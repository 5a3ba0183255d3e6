"""How messages follow each other in a stream: four bytes of length (big-endian), then the message."""

from __future__ import annotations

import struct

from ..errors import ConnectionLost, ProtocolError

HEADER_BYTES = 4
CHUNK = 256 * 1024  # bytes read or written at a time; memory is taken as bytes arrive, not as they are announced
STALL_SECONDS = 60.0  # without progress in the middle of a message, after which the other side is given up

_LENGTH = struct.Struct("!I")


def header(message: bytes) -> bytes:
    """What goes before `message` on the wire: its length."""
    return _LENGTH.pack(len(message))


def length_in(header: bytes, limit: int, peer: str) -> int:
    """The length of the message that follows. Raises ProtocolError when it is over `limit`."""
    (length,) = _LENGTH.unpack(header)
    if length > limit:
        raise ProtocolError(f"{peer} sent a message of {length:,} bytes; the limit is {limit:,}")
    return int(length)


def cut_off(peer: str, found: int, count: int, what: str) -> ProtocolError:
    """An error to raise when only `found` of `count` bytes of `what` came."""
    return ProtocolError(f"{peer} was cut off in the middle of a message: {found:,} of {count:,} bytes of {what}")


def closed(peer: str) -> ConnectionLost:
    """An error to raise when the peer closed the connection between two messages."""
    return ConnectionLost(f"{peer} has closed the connection")


def gone(peer: str, error: OSError) -> ConnectionLost:
    """An error to raise when the system reports that the connection is broken."""
    return ConnectionLost(f"{peer} is gone: {(error.strerror or str(error)).lower()}")


def reads_nothing(peer: str) -> ConnectionLost:
    """An error to raise when the peer took nothing for STALL_SECONDS."""
    return ConnectionLost(f"{peer} has read nothing for {STALL_SECONDS:.0f} seconds")
