"""The Qt-free client of a host: commands out as futures, changes in as callbacks."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ParamSpec

from ..arguments import checked
from ..commands import Command
from ..commands.codec import decode_answer, encode_command
from ..commands.command import R
from ..errors import ConnectionLost, MoonscopeError, ProtocolError, from_code
from ..model import Update
from ..wire import Connection, Sender, connect, read_key
from ..wire.messages import (
    VERSION,
    Cancel,
    FromHost,
    Hello,
    Ping,
    Pong,
    Progress,
    Push,
    Refused,
    Request,
    Response,
    Welcome,
    decode_from_host,
    encode,
)

__all__ = ["EngineClient", "read_key"]

log = logging.getLogger("moonscope.client")

OnUpdate = Callable[[Update], None]
OnLost = Callable[[str], None]
OnAnswering = Callable[[bool], None]
OnProgress = Callable[[int, int, str], None]

Arguments = ParamSpec("Arguments")

_CLOSE_SECONDS = 2.0
_PING_SECONDS = 1.0  # of silence, after which the host is asked whether it is there
_SILENCE_SECONDS = 4.0  # after which it counts as not answering


@dataclass(frozen=True)
class _Asked:
    """A request without an answer yet."""

    id: int
    command: Command[Any]
    future: Future[Any]
    on_progress: OnProgress | None


class EngineClient:
    """One connection to a host. Its methods may be called from any thread and never wait for the host.

    All callbacks, and those of the futures, are called in the client's reader thread, one after the other:
    `on_update` with each Update (the first one is a whole snapshot, each further one continues the last),
    `on_progress(done, total, text)` of a request, `on_answering(False)` when nothing was heard of the host for about
    four seconds, as when it was stopped, and `on_answering(True)` when it is heard again; and `on_lost(reason)` once,
    last, when the host is gone, unless `close` was called before.

    In a fork of this process there is no connection: each request ends with ConnectionLost.
    """

    def __init__(
        self,
        connection: Connection,
        welcome: Welcome,
        on_update: OnUpdate,
        on_lost: OnLost,
        on_answering: OnAnswering,
    ) -> None:
        """Use `connect`."""
        self.pid = welcome.pid
        self.embedded = welcome.embedded
        self._connection = connection
        self._on_update = on_update
        self._on_lost = on_lost
        self._on_answering = on_answering
        self._pid = os.getpid()
        self._pinged = False  # since the host was heard last
        self._answering = True
        self._revision: int | None = None  # of the last Update
        self._ids = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._lock = threading.Lock()
        self._lost = ""  # why there is no connection any more
        self._closing = False
        self._sender = Sender(connection, "moonscope-client-send")
        self._reader = threading.Thread(target=self._read, name="moonscope-client", daemon=True)
        try:
            self._reader.start()
        except RuntimeError:
            self._sender.close(0.0)
            raise

    @classmethod
    @checked
    def connect(
        cls,
        address: str,
        key: bytes | None = None,
        *,
        on_update: OnUpdate = lambda _: None,
        on_lost: OnLost = lambda _: None,
        on_answering: OnAnswering = lambda _: None,
        timeout: float = 5.0,
    ) -> EngineClient:
        """Connect to the host at `address`; the key is read from the file beside its socket unless given.

        Raises UsageError, AuthenticationFailed, ProtocolError (another version), ConnectionLost (nobody
        answers within `timeout` seconds), or MoonscopeError when the system gives no threads. Callbacks may come
        before this returns.
        """
        deadline = time.monotonic() + timeout
        connection = connect(address, key, timeout)
        try:
            return cls(connection, _greet(connection, deadline), on_update, on_lost, on_answering)
        except RuntimeError as error:
            connection.close()
            raise MoonscopeError(f"the system gives this process no further thread: {error}") from error
        except BaseException:
            connection.close()
            raise

    def request(self, command: Command[R], on_progress: OnProgress | None = None) -> Future[R]:
        """Ask the host to carry a command out. Whatever goes wrong is the future's MoonscopeError.

        Commands that are under way together may be carried out in any order; wait for one to build on it. What one
        changed was passed to `on_update` before its answer comes. A field of a wrong type is a UsageError that names
        it, and nothing is sent.
        """
        future: Future[R] = Future()
        asked = _Asked(next(self._ids), command, future, on_progress)
        future.set_running_or_notify_cancel()  # so that it ends by an answer alone; see `cancel`
        try:
            message = encode(Request(asked.id, encode_command(command)))
            if os.getpid() != self._pid:
                raise ConnectionLost("this process is a fork of the one that has the connection; connect here anew")
            with self._lock:
                if self._lost or self._closing:
                    raise ConnectionLost(self._lost or "the connection was closed")
                self._asked[asked.id] = asked
        except MoonscopeError as error:
            future.set_exception(error)
            return future
        self._sender.send(message)
        return future

    def cancel(self, future: Future[Any]) -> None:
        """Ask the host to stop a request. Its future then ends with CancelledError, or with what came before."""
        with self._lock:
            ids = [asked.id for asked in self._asked.values() if asked.future is future]
        for id in ids:
            self._sender.send(encode(Cancel(id)))

    def close(self) -> None:
        """Leave the host; unanswered requests end with ConnectionLost. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closing = True
        self._sender.stop()
        self._connection.stop_receiving()
        if threading.current_thread() is not self._reader:
            self._reader.join(_CLOSE_SECONDS)

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        try:
            while True:
                self._take(decode_from_host(self._connection.receive(idle=self._heed_silence)))
        except MoonscopeError as error:
            reason = str(error)
        except Exception as error:  # whoever waits for an answer must not wait for ever
            log.exception("unexpected error in the client")
            reason = f"unexpected error in the client: {type(error).__name__}: {error}"
        self._sender.close(_CLOSE_SECONDS)
        self._connection.close()
        self._end(reason)

    def _heed_silence(self, seconds: float) -> None:
        if seconds >= _PING_SECONDS and not self._pinged:
            self._pinged = True
            self._sender.send(encode(Ping()))
        if seconds >= _SILENCE_SECONDS and self._answering:
            self._answering = False
            _call(self._on_answering, False)

    def _take(self, message: FromHost) -> None:
        self._pinged = False
        if not self._answering:
            self._answering = True
            _call(self._on_answering, True)
        match message:
            case Push(update=update):
                self._follow(update)
                _call(self._on_update, update)
            case Progress(id=id, done=done, total=total, text=text):
                with self._lock:
                    asked = self._asked.get(id)
                if asked is not None and asked.on_progress is not None:
                    _call(asked.on_progress, done, total, text)
            case Response():
                with self._lock:
                    asked = self._asked.pop(message.id, None)
                if asked is not None:  # else it is a late answer
                    _settle(asked, message)
            case Refused(error=error):
                raise from_code(error.code, error.message)
            case Pong():
                pass
            case Welcome():
                raise ProtocolError("the host said Welcome twice")

    def _follow(self, update: Update) -> None:
        """What is shown must be what is: an Update that does not continue the last one cannot be applied."""
        if update.since not in (0, self._revision):
            raise ProtocolError(f"the host left out changes: revision {self._revision} was followed by {update.since}")
        self._revision = update.revision

    def _end(self, reason: str) -> None:
        with self._lock:
            wanted = self._closing
            self._lost = "the connection was closed" if wanted else reason
            unanswered = list(self._asked.values())
            self._asked.clear()
        for asked in unanswered:
            asked.future.set_exception(ConnectionLost(self._lost))
        if not wanted:
            _call(self._on_lost, self._lost)


def _greet(connection: Connection, deadline: float) -> Welcome:
    connection.send(encode(Hello(VERSION, "moonscope")))
    answer = decode_from_host(connection.receive(deadline=deadline))
    if isinstance(answer, Refused):
        raise from_code(answer.error.code, answer.error.message)
    if not isinstance(answer, Welcome) or answer.version != VERSION:
        raise ProtocolError(f"the host does not speak version {VERSION} of the protocol: {type(answer).__name__}")
    return answer


def _settle(asked: _Asked, response: Response) -> None:
    if response.error is not None:
        asked.future.set_exception(from_code(response.error.code, response.error.message))
        return
    try:
        asked.future.set_result(decode_answer(asked.command, response.answer))
    except ProtocolError as error:
        asked.future.set_exception(error)


def _call(callback: Callable[Arguments, None], *arguments: Arguments.args, **options: Arguments.kwargs) -> None:
    """An error in a callback is its owner's: it is logged, and the connection goes on."""
    try:
        callback(*arguments, **options)
    except Exception:
        log.exception("unexpected error in a callback of the client")
