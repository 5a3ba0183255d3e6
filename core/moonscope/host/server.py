"""`serve`: an engine for windows to attach to, in any Python program."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from pathlib import Path

from ..arguments import checked
from ..errors import ConnectionLost, UsageError
from ..wire import Forkable, Listener, forget_in_child
from .service import EngineLike, Limits, Service
from .session import Session
from .stream import Stream
from .thread_pool import NoThread, ThreadPool
from .updates import Updates, post

__all__ = ["EngineLike", "Limits", "Server", "serve"]

log = logging.getLogger("moonscope.host")

_CLOSE_SECONDS = 5.0
_LAST_MESSAGE_SECONDS = 3.0  # for all clients to read why they are let go
_PAUSE_SECONDS = 0.5  # before connections are accepted again, when one could not be


@checked
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
    Raises UsageError when it cannot listen there, or the system gives no threads.

    The host runs in threads of its own, all of which it needs are started here. After a fork the parent goes on
    serving; the child has no part in it, and calls `serve` itself to serve an engine of its own.
    """
    return Server(engine, Listener(address, key), embedded, limits or Limits())


class Server(Forkable):
    """A host at work, from creation to `close`.

    One thread runs the loop that serves all connections; commands are carried out by those of `Service`.
    """

    def __init__(self, engine: EngineLike, listener: Listener, embedded: bool, limits: Limits) -> None:
        self.address: str = listener.address
        self.key_file: Path | None = listener.key_file
        self._pid = os.getpid()
        self._listener = listener
        self._limits = limits
        self._sockets: set[socket.socket] = set()  # of all connections
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._unauthenticated: dict[Session, None] = {}  # of those, who have proven nothing yet; the oldest first
        self._clients: set[Session] = set()  # who have
        self._lock = threading.Lock()
        self._closing = False
        self._closed = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._acceptor: asyncio.Task[None] | None = None
        forget_in_child(self)
        pools: tuple[ThreadPool, ...] = ()
        try:
            self._service = Service(engine, listener.key, embedded, limits)
            pools = (self._service.waiting, self._service.brief)
            self._thread = ThreadPool("moonscope-host", core=1, most=1)
            self._thread.submit(self._run_loop)
            self._updates = asyncio.run_coroutine_threadsafe(self._begin(engine), self._loop).result()
        except BaseException as error:
            self._stop(pools, 1.0)
            if isinstance(error, NoThread):
                raise UsageError(f"cannot serve at {self.address}: {error}") from error
            raise

    def wait_for_shutdown(self, timeout: float | None = None) -> bool:
        """Wait until a window asks an embedded host to end; True when one did. Raises UsageError in a fork."""
        if os.getpid() != self._pid:
            raise UsageError("this process is a fork of the one that serves; call `serve` here to serve an engine")
        return self._service.shutdown.wait(timeout)

    def close(self) -> None:
        """Let go of all clients, end all threads, remove the socket and the key file. Idempotent, any thread.

        In a fork there is nothing to close.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            others_turn, self._closing = self._closing, True
        if others_turn:
            self._closed.wait()
            return
        deadline = time.monotonic() + _CLOSE_SECONDS
        ending = asyncio.run_coroutine_threadsafe(self._end_all(), self._loop)
        with contextlib.suppress(concurrent.futures.TimeoutError):
            ending.result(_CLOSE_SECONDS)
        self._stop((self._service.waiting, self._service.brief, *self._updates.end()), deadline - time.monotonic())
        self._closed.set()

    def forget(self) -> None:
        """In a forked child: close its copies of the sockets, without touching the parent's connections."""
        self._selector.close()  # without telling it what is unregistered: the parent shares what it knows
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                os.close(sock.detach())

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop(self, pools: tuple[ThreadPool, ...], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for pool in pools:
            pool.close(max(deadline - time.monotonic(), 0))
        if hasattr(self, "_thread"):
            post(self._loop, self._loop.stop)
            self._thread.close(_CLOSE_SECONDS)
        else:
            self._loop.close()
        self._listener.close()

    # On the loop

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            for task in (tasks := asyncio.all_tasks(self._loop)):
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _begin(self, engine: EngineLike) -> Updates:
        updates = Updates(engine, self._limits)
        self._acceptor = asyncio.create_task(self._accept_all(updates))
        return updates

    async def _end_all(self) -> None:
        assert self._acceptor is not None
        self._acceptor.cancel()
        await asyncio.wait((self._acceptor,))
        self._listener.close()
        for session, task in self._sessions.items():
            if session in self._clients:
                session.end(ConnectionLost("the host was closed"))
            else:
                task.cancel()
        if self._sessions:
            _, late = await asyncio.wait(self._sessions.values(), timeout=_LAST_MESSAGE_SECONDS)
            for task in late:
                task.cancel()

    async def _accept_all(self, updates: Updates) -> None:
        while True:
            try:
                sock, _ = await self._loop.sock_accept(self._listener.socket)
            except OSError as error:  # out of file descriptors: those who are connected go on
                log.error("cannot accept a connection: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                await self._welcome(sock, updates)

    async def _welcome(self, sock: socket.socket, updates: Updates) -> None:
        self._sockets.add(sock)
        try:
            stream = await Stream.over(sock)
        except OSError as error:
            log.error("cannot serve a connection: %s", error)
            self._sockets.discard(sock)
            sock.close()
            return
        session = Session(stream, self._service, updates, self._believe)
        while len(self._unauthenticated) >= self._limits.unauthenticated:
            oldest = next(iter(self._unauthenticated))
            self._sessions[oldest].cancel()
            del self._unauthenticated[oldest]
        self._unauthenticated[session] = None
        self._sessions[session] = task = asyncio.create_task(session.run())
        task.add_done_callback(lambda task: self._forget_session(session, sock, task))

    def _believe(self, session: Session) -> None:
        """It has proven that it knows the key. Raises UsageError when there are too many of these."""
        if len(self._clients) >= self._limits.connections:
            raise UsageError(f"{self._limits.connections} windows are attached to this host; close one of them first")
        self._unauthenticated.pop(session, None)
        self._clients.add(session)

    def _forget_session(self, session: Session, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._sessions.pop(session, None)
        self._unauthenticated.pop(session, None)
        self._clients.discard(session)
        self._sockets.discard(sock)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("unexpected error in a connection", exc_info=error)
