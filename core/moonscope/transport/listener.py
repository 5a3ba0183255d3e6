"""The listening end: binds a private Unix socket or a loopback port, and leaves the key beside it."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import weakref
from pathlib import Path
from typing import IO

from ..errors import UsageError
from .address import Address, TcpAddress, UnixAddress, parse_address
from .connection import Connection
from .directories import new_socket_path, remove_traces
from .keys import check_key, key_file_of, new_key, write_key

_BACKLOG = 64


class Listener:
    """Listens from its creation to `close`.

    `address`: text, None for a socket in a new private directory (a loopback port where there are no Unix sockets).
    `key`: None for a new one, which is then written to `key_file`; a caller's own key is written nowhere.
    Raises UsageError when the address is bad, in use, or not on this computer.
    """

    def __init__(self, address: str | None = None, key: bytes | None = None) -> None:
        self.key = new_key() if key is None else check_key(key)
        with contextlib.ExitStack() as on_failure:
            where, lock = _default_address() if address is None else (parse_address(address), None)
            self._socket, self._bound = _bind(where)
            on_failure.callback(self._socket.close)
            self.key_file = key_file_of(self._bound) if key is None else None
            # Called by `close`, or when a program ends without it.
            self._clean_up = weakref.finalize(self, _clean_up, os.getpid(), self._bound, self.key_file, lock)
            on_failure.callback(self._clean_up)
            if self.key_file is not None:
                write_key(self.key_file, self.key)
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
            self._woken, self._waker = socket.socketpair()
            on_failure.pop_all()
        self.address = str(self._bound)

    def accept(self) -> Connection | None:
        """The next connection, not yet authenticated; None once `wake` was called. Raises OSError."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._woken in ready:
                    return None
                with contextlib.suppress(BlockingIOError, ConnectionAbortedError):  # it has left the queue again
                    return Connection(self._socket.accept()[0], "the client")

    def wake(self) -> None:
        """Make `accept` return None, now and ever after. Any thread."""
        self._waker.send(b"\0")

    def close(self) -> None:
        """Stop listening and remove the socket, the key file and their directory. When no thread accepts any more."""
        for sock in (self._socket, self._woken, self._waker):
            sock.close()
        self._clean_up()


def _clean_up(pid: int, address: Address, key_file: Path | None, lock: IO[bytes] | None) -> None:
    if os.getpid() == pid:  # else we are a fork of the host, which goes on
        remove_traces(address, key_file)
    if lock is not None:
        lock.close()


def _default_address() -> tuple[Address, IO[bytes] | None]:
    if not hasattr(socket, "AF_UNIX"):
        return TcpAddress("127.0.0.1", 0), None
    path, lock = new_socket_path()
    return UnixAddress(path), lock


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
        raise UsageError(f"cannot listen at {address}: {error.strerror}") from error
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
