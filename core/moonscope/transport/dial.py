"""Connecting to a host."""

from __future__ import annotations

import contextlib
import socket
import time

from ..errors import ConnectionLost
from .address import Address, UnixAddress, parse_address
from .connection import Connection
from .handshake import prove_to_host
from .keys import check_key, key_file_of, read_key


def connect(address: str, key: bytes | None = None, timeout: float = 5.0) -> Connection:
    """An authenticated connection to the host at `address`; the key is read from the host's key file unless given.

    Raises UsageError for a bad address, ConnectionLost when nothing answers there within `timeout` seconds,
    AuthenticationFailed for a missing or wrong key, ProtocolError when it is something else than a host.
    """
    deadline = time.monotonic() + timeout
    where = parse_address(address)
    with contextlib.ExitStack() as on_failure:
        sock = on_failure.enter_context(_dial(where, timeout))
        connection = Connection(sock, "the host")
        secret = read_key(key_file_of(where)) if key is None else check_key(key)
        prove_to_host(connection, secret, deadline)
        on_failure.pop_all()
        return connection


def _dial(where: Address, timeout: float) -> socket.socket:
    try:
        if not isinstance(where, UnixAddress):
            return socket.create_connection((where.host, where.port), timeout)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(timeout)
            sock.connect(str(where.path))
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
