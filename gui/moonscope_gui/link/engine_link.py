"""The one place where engine events become Qt signals.

Owns the client and, when the window started it, the host process. Connecting and closing happen in worker threads;
what comes back from any other thread is posted to the GUI thread together with the number of the connection it
belongs to, and dropped when that connection is no longer the present one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from moonscope.client.engine_client import EngineClient, read_key
from moonscope.client.host_process import HostProcess
from moonscope.commands import Command
from moonscope.errors import ConnectionLost, MoonscopeError
from moonscope.model import Update

from .coalesce import merge

FLUSH_MS = 100  # at most ten updates a second reach the window

R = TypeVar("R")

Progress = Callable[[int, int, str], None]


class EngineLink(QObject):
    """A connection to a host, or none. All signals and callbacks come in the GUI thread."""

    connecting = Signal(str)  # in words: what is being tried
    connected = Signal(int)  # process id of the host
    updated = Signal(object)  # model.Update
    answering = Signal(bool)  # False: nothing is heard of the host, as when it was stopped; True: it is heard again
    lost = Signal(str, str)  # why, and the host's last words; also when no connection came about

    _posted = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._epoch = 0  # counts connections; what an older one sends is dropped
        self._client: EngineClient | None = None
        self._host: HostProcess | None = None
        self._address = ""  # of the host to attach to; "" for a host of our own
        self._key_file: Path | None = None
        self._host_options: tuple[str, ...] = ()
        self._pending: Update | None = None
        self._paused = False
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)
        self._flush_timer = QTimer(self, singleShot=True, interval=FLUSH_MS)
        self._flush_timer.timeout.connect(self._flush)

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    @property
    def is_own_host(self) -> bool:
        """True when the window starts the host, False when it attaches to one."""
        return not self._address

    def start_host(self, options: Sequence[str] = (), launched: HostProcess | None = None) -> None:
        """Start a host process that belongs to this window and connect to it. Ends the present connection.

        `options` are those of `moonscope host`; `launched` is a process that was launched with them already.
        """
        self._address, self._host_options = "", tuple(options)
        self._open("Starting the engine", launched or HostProcess(self._host_options))

    def attach(self, address: str, key_file: Path | None = None) -> None:
        """Connect to a host that runs already; its key is beside its socket unless given. Ends the present
        connection."""
        self._address, self._key_file = address, key_file
        self._open(f"Connecting to {address}", None)

    def restart(self) -> None:
        """Start the own host anew, or connect again to the one attached to."""
        if self._address:
            self.attach(self._address, self._key_file)
        else:
            self.start_host(self._host_options)

    def close(self) -> None:
        """Disconnect and end the own host, without waiting for either."""
        self._epoch += 1
        self._flush_timer.stop()
        self._pending = None
        client, host = self._client, self._host
        self._client = self._host = None
        _dispose_in_thread(client, host)

    def set_paused(self, paused: bool) -> None:
        """Hold updates back (merged, of bounded size) until the view goes on."""
        self._paused = paused
        if not paused:
            self._flush()

    def send(self, command: Command[R], progress: Progress) -> Future[R]:
        """Send a command. The future ends, and `progress` is called, in another thread; see `Task`."""
        if self._client is not None:
            return self._client.request(command, on_progress=progress)
        failed: Future[R] = Future()
        failed.set_exception(ConnectionLost("there is no connection to an engine"))
        return failed

    def cancel(self, answer: Future[R]) -> None:
        """Ask the engine to stop; the request still ends, as a rule with a `CancelledError`."""
        if self._client is not None:
            self._client.cancel(answer)

    # Connecting, in a worker thread

    def _open(self, words: str, host: HostProcess | None) -> None:
        self.close()
        epoch = self._epoch
        self.connecting.emit(words)
        opener = threading.Thread(
            target=self._connect, args=(epoch, host, self._address, self._key_file), daemon=True, name="moonscope-open"
        )
        try:
            opener.start()
        except RuntimeError as error:
            reason = f"the system gives the window no further thread: {error}"
            _dispose(None, host)
            self._post(epoch, lambda: self._end(reason, ""))

    def _connect(self, epoch: int, host: HostProcess | None, address: str, key_file: Path | None) -> None:
        try:
            client = EngineClient.connect(
                host.start() if host else address,
                read_key(key_file) if key_file else None,
                on_update=lambda update: self._post(epoch, lambda: self._receive(update)),
                on_lost=lambda why: self._report_loss(epoch, host, why),
                on_answering=lambda answering: self._post(epoch, lambda: self.answering.emit(answering)),
            )
        except (MoonscopeError, OSError) as error:
            reason = str(error)
            _dispose(None, host)
            self._post(epoch, lambda: self._end(reason, ""))
            return
        self._post(None, lambda: self._opened(epoch, client, host))

    def _report_loss(self, epoch: int, host: HostProcess | None, why: str) -> None:
        """Report a lost connection and how the host ended, which is known a moment later. In the client's thread."""
        ending = host.wait(1.0) if host else ""
        reason = f"the host {ending}" if ending else why
        words = host.last_words if host else ""
        self._post(epoch, lambda: self._end(reason, words))

    def _opened(self, epoch: int, client: EngineClient, host: HostProcess | None) -> None:
        if epoch != self._epoch:  # closed or opened anew meanwhile
            _dispose_in_thread(client, host)
            return
        self._client, self._host = client, host
        self.connected.emit(client.pid)
        self._flush()

    # From other threads

    def _post(self, epoch: int | None, job: Callable[[], object]) -> None:
        if shiboken6.isValid(self):
            self._posted.emit(-1 if epoch is None else epoch, job)

    @Slot(int, object)
    def _run(self, epoch: int, job: Callable[[], object]) -> None:
        if epoch in (-1, self._epoch):
            job()

    def _receive(self, update: Update) -> None:
        self._pending = update if self._pending is None else merge(self._pending, update)
        if not self._flush_timer.isActive() and not self._paused:
            self._flush()

    @Slot()
    def _flush(self) -> None:
        if self._pending is None or self._client is None or self._paused:
            return
        update, self._pending = self._pending, None
        self._flush_timer.start()
        self.updated.emit(update)

    def _end(self, reason: str, words: str) -> None:
        self._flush()  # what was said last is still shown
        self.close()
        self.lost.emit(reason, words)


def _dispose(client: EngineClient | None, host: HostProcess | None) -> None:
    if client is not None:
        client.close()
    if host is not None:
        host.stop()


def _dispose_in_thread(client: EngineClient | None, host: HostProcess | None) -> None:
    """Dispose in a thread; in this one if the system gives no thread."""
    if client is None and host is None:
        return
    try:
        threading.Thread(target=_dispose, args=(client, host), name="moonscope-dispose").start()
    except RuntimeError:
        _dispose(client, host)
