"""What the host tests share: an engine that does what a test says, hosts that are closed, and raw sockets.

Where the behaviour of an engine matters, the tests use a real one, in a process of its own (test_process.py).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.commands import (
    Clear,
    Close,
    Collect,
    Command,
    Holders,
    Inspect,
    Interrupt,
    Load,
    LookInto,
    RunChunk,
    SetMode,
    Spawn,
)
from moonscope.errors import AuthenticationFailed
from moonscope.host import Limits, Server, serve
from moonscope.model import (
    Chunk,
    ClearReport,
    Context,
    InterruptReport,
    LoadReport,
    LookLevel,
    LuaVersion,
    Mark,
    Settings,
    SpawnReport,
    Update,
)
from moonscope.wire import PROOF_LIMIT, REFUSED, Challenge, Connection, Listener, connect
from moonscope.wire.messages import VERSION, Hello, Welcome, decode_from_host, encode

DEADLINE = 20.0  # seconds until a test that waits for something gives up


def prove_to_client(connection: Connection, key: bytes) -> None:
    """The host's half of the handshake. Raises AuthenticationFailed when the client has another key."""
    challenge = Challenge(key)
    connection.send(challenge.greeting)
    try:
        proof = challenge.accept(connection.receive(PROOF_LIMIT))
    except AuthenticationFailed:
        connection.send(REFUSED)
        raise
    connection.send(proof)


Script = Callable[..., Any]
Treatment = Callable[[Connection, bytes], None]


class ScriptedEngine:
    """Its state is a list of marks; a command does what the test put into `scripts` for it."""

    answers: ClassVar[dict[type, object]] = {  # to commands without a script
        Collect: 0,
        Close: 0,
        Load: LoadReport(),
        Spawn: SpawnReport(),
        Clear: ClearReport(),
        Interrupt: InterruptReport(),
        RunChunk: (),
        Holders: (),
        Inspect: Chunk(LuaVersion.LUA54, "a.lua", b""),
        LookInto: LookLevel(vm=1),
        SetMode: None,
    }

    def __init__(self) -> None:
        self.scripts: dict[type, Script] = {}
        self.marks: list[Mark] = []
        self._changed = threading.Condition()

    def perform(self, command: Command[Any], context: Context) -> Any:
        if (script := self.scripts.get(type(command))) is None:
            return self.answers[type(command)]
        return script(command, context.progress, context.cancelled)

    def add_mark(self, text: str) -> None:
        with self._changed:
            self.marks.append(Mark(serial=len(self.marks) + 1, time=0.0, kind="spawn", text=text))
            self._changed.notify_all()

    def changes(self, since: int) -> Update:
        with self._changed:
            return Update(
                revision=len(self.marks) + 1,
                since=since,
                reset=since == 0,
                settings=Settings() if since == 0 else None,
                marks=tuple(self.marks[max(since - 1, 0) :]),
            )

    def wait(self, since: int, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.marks) + 1 > since, timeout)

    def close(self) -> None: ...


class View:
    """What a window would show: it collects Updates and knows whether the host was lost."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.losses: list[str] = []
        self._changed = threading.Condition()

    def on_update(self, update: Update) -> None:
        with self._changed:
            self.updates.append(update)
            self._changed.notify_all()

    def on_lost(self, reason: str) -> None:
        with self._changed:
            self.losses.append(reason)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE), f"not seen: {self.updates=} {self.losses=}"

    def wait_until_lost(self) -> str:
        self.wait_for(lambda: self.losses)
        return self.losses[0]

    @property
    def marks(self) -> list[str]:
        return [mark.text for update in self.updates for mark in update.marks]


@pytest.fixture
def runtime_directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sockets and keys of this test lie in an empty directory of its own."""
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def start_host(engine: ScriptedEngine) -> Iterator[Callable[..., Server]]:
    """Serve the scripted engine; keywords are those of `serve`, and those of `Limits`."""
    servers: list[Server] = []

    def start(address: str | None = None, *, key: bytes | None = None, embedded: bool = False, **limits: Any) -> Server:
        limits.setdefault("handshake_seconds", DEADLINE)
        servers.append(serve(engine, address, key=key, embedded=embedded, limits=Limits(**limits)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def host(start_host: Callable[..., Server]) -> Server:
    return start_host()


@pytest.fixture
def attach() -> Iterator[Callable[..., EngineClient]]:
    """Connect a client to a Server, or to an address; it is closed after the test."""
    clients: list[EngineClient] = []

    def connect(to: Server | str, view: View | None = None, **options: Any) -> EngineClient:
        seen = view or View()
        address = to if isinstance(to, str) else to.address
        options.setdefault("timeout", DEADLINE)
        clients.append(EngineClient.connect(address, on_update=seen.on_update, on_lost=seen.on_lost, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture(name="prove_to_client")
def the_hosts_half_of_the_handshake() -> Treatment:
    return prove_to_client


@pytest.fixture
def new_view() -> type[View]:
    return View


@pytest.fixture
def dial() -> Iterator[Callable[[Server], socket.socket]]:
    """A raw socket to a host, for what no client would say."""
    sockets: list[socket.socket] = []

    def connect(server: Server) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(server.address.removeprefix("unix:"))
        sockets.append(sock)
        return sock

    yield connect
    for sock in sockets:
        sock.close()


@pytest.fixture
def talk() -> Iterator[Callable[..., Connection]]:
    """Makes authenticated connections to a host, on which anything can be said."""
    connections: list[Connection] = []

    def begin(host: Server, *, welcome: bool = True) -> Connection:
        connections.append(connect(host.address, timeout=DEADLINE))
        if welcome:
            connections[-1].send(encode(Hello(VERSION)))
            assert isinstance(decode_from_host(connections[-1].receive()), Welcome)
        return connections[-1]

    yield begin
    for connection in connections:
        connection.close()


@pytest.fixture
def impostor() -> Iterator[Callable[..., Listener]]:
    """Listens like a host, and treats its first client as the test says."""
    with contextlib.ExitStack() as ending:

        def listen(treat: Treatment) -> Listener:
            listener = Listener()
            thread = threading.Thread(target=accept, args=(listener, treat), daemon=True)
            thread.start()
            ending.callback(listener.close)
            ending.callback(thread.join)
            return listener

        def accept(listener: Listener, treat: Treatment) -> None:
            listener.socket.settimeout(DEADLINE)
            connection = Connection(listener.socket.accept()[0], "the client")
            with contextlib.suppress(AuthenticationFailed):
                treat(connection, listener.key)
            connection.close()

        yield listen
