"""Connecting to a host."""

from __future__ import annotations

import socket
import time

from ..errors import ConnectionLost
from .address import Address, UnixAddress, parse_address
from .connection import Connection
from .handshake import prove_to_host
from .keys import check_key, key_file_of, read_key

_FULL_SECONDS = 0.01  # between two attempts while more connections wait for the host than the system lets wait
_ATTEMPTS = 5  # a host with too many connections that have not proven the key drops the oldest of them, so perhaps ours


def connect(address: str, key: bytes | None = None, timeout: float = 5.0) -> Connection:
    """An authenticated connection to the host at `address`; the key is read from the host's key file unless given.

    Raises UsageError for a bad address, ConnectionLost when nothing answers there within `timeout` seconds,
    AuthenticationFailed for a missing or wrong key, ProtocolError when it is something else than a host.
    """
    deadline = time.monotonic() + timeout
    where = parse_address(address)
    for attempt in range(1, _ATTEMPTS + 1):
        connection = Connection(_dial(where, deadline, timeout), "the host")
        try:
            secret = read_key(key_file_of(where)) if key is None else check_key(key)
            prove_to_host(connection, secret, deadline)
            return connection
        except ConnectionLost:
            connection.close()
            if attempt == _ATTEMPTS or time.monotonic() >= deadline:
                raise
        except BaseException:
            connection.close()
            raise
    raise AssertionError("not reached")


def _dial(where: Address, deadline: float, timeout: float) -> socket.socket:
    left = max(deadline - time.monotonic(), 0.001)
    try:
        if not isinstance(where, UnixAddress):
            return socket.create_connection((where.host, where.port), left)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(left)
            while not _connected(sock, where, deadline):
                time.sleep(_FULL_SECONDS)
        except BaseException:
            sock.close()
            raise
        return sock
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ConnectionLost(f"no host listens at {where}: it has ended, or never was there") from error
    except TimeoutError as error:
        raise ConnectionLost(f"the host at {where} did not answer within {timeout:g} seconds") from error
    except OSError as error:
        raise ConnectionLost(f"cannot connect to {where}: {error.strerror}") from error


def _connected(sock: socket.socket, where: UnixAddress, deadline: float) -> bool:
    """False when the host has too many connections to accept, and there is time left to try again."""
    try:
        sock.connect(str(where.path))
    except BlockingIOError:
        if time.monotonic() < deadline:
            return False
        raise TimeoutError from None
    return True
