"""The protocol between a host and its clients: what is said, and in which version.

A connection carries whole messages (bytes, msgpack by `msgspec`) over a local socket on which both sides have
proven that they know the same key (see `moonscope.wire`). Then:

    client → host   Hello                       first message; another version is answered with Refused
    host → client   Welcome | Refused
    client → host   Request | Cancel            requests carry ids chosen by the client
    client → host   Ping                        when nothing came for a second; answered with Pong at once
    host → client   Progress* then Response     for each request; late answers are the client's to drop
    host → client   Push                        an Update; the first one is a whole snapshot, each further one
                                                continues the last (a large one comes in parts); the one that shows
                                                what a request changed comes before the Response
    host → client   Refused                     at any time, as the last message: why the host ends the connection

Errors cross as data: `Response.error` has the code of `moonscope.errors` and a text for the user. A command that does
not exist, or has a field of a wrong type, is answered with such an error; other bytes that are no message end the
connection.
Nothing is ever unpickled.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ..errors import ProtocolError
from ..model import Update

VERSION = 3
MAX_MESSAGE = 64 * 1024 * 1024  # bytes; larger messages are refused before they are read


class ErrorInfo(Struct, frozen=True):
    code: str
    message: str


class Hello(Struct, frozen=True, tag=True):
    version: int
    client: str = ""


class Welcome(Struct, frozen=True, tag=True):
    version: int
    pid: int
    host: str = ""
    embedded: bool = False  # True: the host belongs to a window and ends with it


class Refused(Struct, frozen=True, tag=True):
    error: ErrorInfo


class Request(Struct, frozen=True, tag=True):
    """`command` is a `moonscope.commands.Command` (see `commands.codec`)."""

    id: int
    command: msgspec.Raw


class Cancel(Struct, frozen=True, tag=True):
    id: int


class Ping(Struct, frozen=True, tag=True):
    """Is the host there?"""


class Pong(Struct, frozen=True, tag=True):
    """It is."""


class Progress(Struct, frozen=True, tag=True):
    id: int
    done: int
    total: int
    text: str = ""


class Response(Struct, frozen=True, tag=True):
    """`answer` is what the command asked for, and means nothing when there is an error."""

    id: int
    answer: msgspec.Raw = msgspec.Raw(b"\xc0")  # nil
    error: ErrorInfo | None = None


class Push(Struct, frozen=True, tag=True):
    update: Update


FromClient = Hello | Request | Cancel | Ping
FromHost = Welcome | Refused | Progress | Response | Push | Pong


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding raises

_encoder = msgspec.msgpack.Encoder()
_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)
_from_host: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)


def encode(message: FromClient | FromHost) -> bytes:
    """One message as bytes. Raises ProtocolError when it is larger than `MAX_MESSAGE`."""
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(data):,} bytes is over the limit of {MAX_MESSAGE:,}")
    return data


def decode_from_client(data: bytes) -> FromClient:
    """Raises ProtocolError for bytes that are no message of a client."""
    try:
        return _from_client.decode(data)
    except UNREADABLE as error:
        raise ProtocolError(f"not a message of a Moonscope client: {error}") from error


def decode_from_host(data: bytes) -> FromHost:
    """Raises ProtocolError for bytes that are no message of a host."""
    try:
        return _from_host.decode(data)
    except UNREADABLE as error:
        raise ProtocolError(f"not a message of a Moonscope host: {error}") from error
