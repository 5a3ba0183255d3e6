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

REFUSED = b"key refused"
PROOF_LIMIT = 128  # bytes; a longer message is no part of this

_GREETING = b"Moonscope host, handshake 1\n"
_NONCE = 32
_PROOF = 32


class Challenge:
    """The host's half: send `greeting`, and what `accept` makes of the answer, or REFUSED."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._nonce = secrets.token_bytes(_NONCE)
        self.greeting = _GREETING + self._nonce

    def accept(self, answer: bytes) -> bytes:
        """The host's own proof. Raises AuthenticationFailed for a wrong key, ProtocolError for something else."""
        if len(answer) != _NONCE + _PROOF:
            raise ProtocolError("the other side is not a Moonscope client")
        nonces, proof = self._nonce + answer[:_NONCE], answer[_NONCE:]
        if not hmac.compare_digest(proof, _sign(self._key, b"client", nonces)):
            raise AuthenticationFailed("a client with a wrong key was refused")
        return _sign(self._key, b"host", nonces)


def prove_to_host(connection: Connection, key: bytes, deadline: float) -> None:
    """The client's half. Raises AuthenticationFailed, ProtocolError or ConnectionLost."""
    greeting = connection.receive(PROOF_LIMIT, deadline)
    if not greeting.startswith(_GREETING) or len(greeting) != len(_GREETING) + _NONCE:
        raise ProtocolError("what listens there is not a Moonscope host of this version")
    nonces = greeting[len(_GREETING) :] + (ours := secrets.token_bytes(_NONCE))
    connection.send(ours + _sign(key, b"client", nonces))
    answer = connection.receive(PROOF_LIMIT, deadline)
    if answer == REFUSED:
        raise AuthenticationFailed("the host refused the key: it was made for another host, or for one that has ended")
    if not hmac.compare_digest(answer, _sign(key, b"host", nonces)):
        raise AuthenticationFailed("what listens there does not know the key: it is not the host it should be")


def _sign(key: bytes, role: bytes, nonces: bytes) -> bytes:
    return hmac.digest(key, role + nonces, "sha256")
