"""`serve`: an engine for windows to attach to, in any Python program."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from ..errors import ConnectionLost
from ..transport import Connection, Listener
from .service import EngineLike, Limits, Service
from .session import Session

__all__ = ["EngineLike", "Limits", "Server", "serve"]

log = logging.getLogger("moonscope.host")

_CLOSE_SECONDS = 5.0


def serve(
    engine: EngineLike,
    address: str | None = None,
    *,
    key: bytes | None = None,
    embedded: bool = False,
    limits: Limits | None = None,
) -> Server:
    """Let windows attach to `engine` until `Server.close`; the engine stays the caller's to close.

    `address`: `unix:/path`, `tcp:127.0.0.1:PORT` (port 0: any), or None for a socket in a private directory.
    `key`: 32 bytes that clients must know; None makes one and leaves it in `Server.key_file`.
    `embedded`: the host belongs to one window, whose Shutdown it obeys (see `Server.wait_for_shutdown`).
    Raises UsageError when it cannot listen there.
    """
    return Server(engine, Listener(address, key), embedded, limits or Limits())


class Server:
    """A host at work, from creation to `close`."""

    def __init__(self, engine: EngineLike, listener: Listener, embedded: bool, limits: Limits) -> None:
        self.address: str = listener.address
        self.key_file: Path | None = listener.key_file
        self._listener = listener
        self._service = Service(engine, listener.key, embedded, limits)
        self._sessions: dict[Session, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._closed = threading.Event()
        self._acceptor = threading.Thread(target=self._accept_all, name="moonscope-accept", daemon=True)
        self._acceptor.start()

    def wait_for_shutdown(self, timeout: float | None = None) -> bool:
        """Wait until a window asks an embedded host to end; True when one did."""
        return self._service.shutdown.wait(timeout)

    def close(self) -> None:
        """Let go of all clients, end all threads, remove the socket and the key file. Idempotent, any thread."""
        with self._lock:
            others_turn = self._closing.is_set()
            self._closing.set()
        if others_turn:
            self._closed.wait()
            return
        self._listener.wake()
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            sessions = dict(self._sessions)
        for session in sessions:
            session.end(ConnectionLost("the host was closed"))
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in sessions.values():
            thread.join(max(deadline - time.monotonic(), 0))
        for lane in (self._service.quick, self._service.slow):
            lane.close(max(deadline - time.monotonic(), 0))
        self._closed.set()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept_all(self) -> None:
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except OSError as error:  # out of file descriptors: those who are connected go on
                log.error("cannot accept a connection: %s", error)
                self._closing.wait(0.5)
                continue
            if connection is not None:
                self._begin(connection)

    def _begin(self, connection: Connection) -> None:
        session = Session(connection, self._service)
        thread = threading.Thread(target=self._run, args=(session,), name="moonscope-session", daemon=True)
        with self._lock:
            full = len(self._sessions) >= self._service.limits.connections
            if not full:
                self._sessions[session] = thread
        if full:
            log.error("refused a connection: %d are open", self._service.limits.connections)
            connection.close()
            return
        thread.start()

    def _run(self, session: Session) -> None:
        try:
            session.run()
        finally:
            with self._lock:
                del self._sessions[session]
