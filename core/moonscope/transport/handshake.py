"""Both sides prove that they know the key, without ever sending it.

    host → client   GREETING, 32 random bytes H
    client → host   32 random bytes C, HMAC(key, "client" H C)
    host → client   HMAC(key, "host" H C), or REFUSED

The role is part of what is signed, so that neither side can be made to answer its own question.
"""

from __future__ import annotations

import hmac
import secrets

from ..errors import AuthenticationFailed, ProtocolError
from .connection import Connection

_GREETING = b"Moonscope host, handshake 1\n"
_REFUSED = b"key refused"
_NONCE = 32
_PROOF = 32
_LIMIT = 128  # bytes; more is no part of this


def prove_to_client(connection: Connection, key: bytes, deadline: float) -> None:
    """The host's half. Raises AuthenticationFailed, ProtocolError or ConnectionLost."""
    ours = secrets.token_bytes(_NONCE)
    connection.send(_GREETING + ours)
    answer = connection.receive(_LIMIT, deadline)
    if len(answer) != _NONCE + _PROOF:
        raise ProtocolError("the other side is not a Moonscope client")
    theirs, proof = answer[:_NONCE], answer[_NONCE:]
    if not hmac.compare_digest(proof, _sign(key, b"client", ours + theirs)):
        connection.send(_REFUSED)
        raise AuthenticationFailed("a client with a wrong key was refused")
    connection.send(_sign(key, b"host", ours + theirs))


def prove_to_host(connection: Connection, key: bytes, deadline: float) -> None:
    """The client's half. Raises AuthenticationFailed, ProtocolError or ConnectionLost."""
    greeting = connection.receive(_LIMIT, deadline)
    if not greeting.startswith(_GREETING) or len(greeting) != len(_GREETING) + _NONCE:
        raise ProtocolError("what listens there is not a Moonscope host of this version")
    nonces = greeting[len(_GREETING) :] + (ours := secrets.token_bytes(_NONCE))
    connection.send(ours + _sign(key, b"client", nonces))
    answer = connection.receive(_LIMIT, deadline)
    if answer == _REFUSED:
        raise AuthenticationFailed("the host refused the key: it was made for another host, or for one that has ended")
    if not hmac.compare_digest(answer, _sign(key, b"host", nonces)):
        raise AuthenticationFailed("what listens there does not know the key: it is not the host it should be")


def _sign(key: bytes, role: bytes, nonces: bytes) -> bytes:
    return hmac.digest(key, role + nonces, "sha256")
