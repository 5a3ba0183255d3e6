"""The listening end: binds a private Unix socket or a loopback port, and leaves the key beside it."""

from __future__ import annotations

import contextlib
import os
import socket
import weakref
from pathlib import Path
from typing import IO

from ..errors import UsageError
from .address import Address, TcpAddress, UnixAddress, parse_address
from .directories import lock_key_file, new_socket_path, remove_stale_keys, remove_traces
from .forks import Forkable, forget_in_child
from .keys import check_key, key_file_of, new_key, write_key

_BACKLOG = 512  # connections that wait to be accepted; the system may allow fewer


class Listener(Forkable):
    """Listens from its creation to `close`; `socket`, which does not block, accepts connections.

    `address`: text, None for a socket in a new private directory (a loopback port where there are no Unix sockets).
    `key`: None for a new one, which is then written to `key_file`; a caller's own key is written nowhere.
    Raises UsageError when the address is bad, in use, or not on this computer.
    """

    def __init__(self, address: str | None = None, key: bytes | None = None) -> None:
        self.key = new_key() if key is None else check_key(key)
        self._locks: list[IO[bytes]] = []  # unlocked by the system when this process ends, however it ends
        with contextlib.ExitStack() as on_failure:
            where = self._default_address() if address is None else parse_address(address)
            self.socket, self._bound = _bind(where)
            on_failure.callback(self.socket.close)
            self.key_file = key_file_of(self._bound) if key is None else None
            # Called by `close`, or when a program ends without it.
            self._clean_up = weakref.finalize(self, _clean_up, os.getpid(), self._bound, self.key_file, self._locks)
            on_failure.callback(self._clean_up)
            self.socket.listen(_BACKLOG)  # first: a key of a port where nobody listens would be taken for a stale one
            self.socket.setblocking(False)
            if self.key_file is not None:
                self._leave_key(self.key_file)
            on_failure.pop_all()
        self.address = str(self._bound)
        forget_in_child(self)

    def close(self) -> None:
        """Stop listening and remove the socket, the key file and their directory. When no thread accepts any more."""
        self.socket.close()
        self._clean_up()

    def forget(self) -> None:
        """In a fork: the address is the parent's."""
        self._clean_up.detach()
        for lock in self._locks:
            lock.close()
        self.socket.close()

    def _default_address(self) -> Address:
        if not hasattr(socket, "AF_UNIX"):
            return TcpAddress("127.0.0.1", 0)
        path, lock = new_socket_path()
        self._locks.append(lock)
        return UnixAddress(path)

    def _leave_key(self, key_file: Path) -> None:
        if isinstance(self._bound, UnixAddress):
            write_key(key_file, self.key)
            return
        remove_stale_keys(key_file.parent)
        write_key(key_file, self.key)
        if (lock := lock_key_file(key_file)) is not None:
            self._locks.append(lock)


def _clean_up(pid: int, address: Address, key_file: Path | None, locks: list[IO[bytes]]) -> None:
    if os.getpid() == pid:  # else we are a fork of the host, which goes on
        remove_traces(address, key_file)
    for lock in locks:
        lock.close()


def _bind(address: Address) -> tuple[socket.socket, Address]:
    """A bound socket that does not listen yet, and its address with the port that the system chose."""
    if isinstance(address, UnixAddress):
        return _bind_unix(address), address
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere it would let two hosts share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise UsageError(f"cannot listen at {address}: {error.strerror}") from error
    return sock, TcpAddress(address.host, sock.getsockname()[1])


def _bind_unix(address: UnixAddress) -> socket.socket:
    if address.path.is_socket() and not _answers(address.path):
        address.path.unlink()  # left behind by a host that was killed
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(str(address.path))
        address.path.chmod(0o600)  # nobody can have connected yet: it does not listen
    except OSError as error:
        sock.close()
        raise UsageError(f"cannot listen at {address}: {error.strerror or error}") from error
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # in doubt it is alive, and binding says what is wrong
        return True
