"""Authenticated connections on this computer that carry whole messages.

A host listens with `Listener` and has those who connect answer a `Challenge`; a client dials with `connect`, and gets a
`Connection` whose two sides have proven that they know the same key. Unix sockets lie in a directory that only their
owner can enter; TCP is bound to the loopback interface and nothing else.
"""

from .address import Address, TcpAddress, UnixAddress, parse_address
from .connection import Connection
from .dial import connect
from .directories import remove_traces
from .forks import Forkable, forget_in_child
from .handshake import PROOF_LIMIT, REFUSED, Challenge, prove_to_host
from .keys import KEY_BYTES, key_file_of, new_key, read_key, write_key
from .listener import Listener
from .sender import Sender

__all__ = [
    "KEY_BYTES",
    "PROOF_LIMIT",
    "REFUSED",
    "Address",
    "Challenge",
    "Connection",
    "Forkable",
    "Listener",
    "Sender",
    "TcpAddress",
    "UnixAddress",
    "connect",
    "forget_in_child",
    "key_file_of",
    "new_key",
    "parse_address",
    "prove_to_host",
    "read_key",
    "remove_traces",
    "write_key",
]
