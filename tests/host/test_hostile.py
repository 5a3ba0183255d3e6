"""Whoever cannot authenticate, speaks another version, or talks nonsense is refused, and hurts no one else."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope.client.engine_client import EngineClient
from moonscope.commands import Collect, Command, RunChunk
from moonscope.commands.codec import encode_answer, encode_command
from moonscope.errors import AuthenticationFailed, ConnectionLost, ProtocolError, UsageError
from moonscope.host import Limits
from moonscope.host.server import Server
from moonscope.model import RunResult
from moonscope.wire import connect, new_key
from moonscope.wire.connection import Connection
from moonscope.wire.listener import Listener
from moonscope.wire.messages import (
    MAX_MESSAGE,
    VERSION,
    Cancel,
    Hello,
    Refused,
    Request,
    Response,
    Welcome,
    decode_from_host,
    encode,
)

from .conftest import ScriptedEngine, View

DEADLINE = 20.0


@pytest.fixture
def bystander(host: Server, attach: Callable[..., EngineClient]) -> Iterator[Any]:
    """Someone else on the same host, whom none of this may disturb."""
    client = attach(host)
    yield client
    assert client.request(Collect()).result(DEADLINE) == 0


def next_of(kind: Any, connection: Connection) -> Any:
    """The next message of that kind; others that may come in between are passed over."""
    while not isinstance(message := decode_from_host(connection.receive(deadline=time.monotonic() + DEADLINE)), kind):
        pass
    return message


def test_a_wrong_key_is_refused(host: Server, bystander: EngineClient) -> None:
    with pytest.raises(AuthenticationFailed, match="refused the key"):
        EngineClient.connect(host.address, key=new_key())


def test_a_host_that_does_not_know_the_key_is_refused(impostor: Callable[..., Listener], prove_to_client: Any) -> None:
    listener = impostor(lambda connection, _: prove_to_client(connection, new_key()))
    with pytest.raises(AuthenticationFailed):
        connect(listener.address, listener.key)


def test_a_host_that_believes_everybody_is_not_believed(impostor: Callable[..., Listener]) -> None:
    def believe(connection: Connection, _: Any) -> None:
        connection.send(b"Moonscope host, handshake 1\n" + bytes(32))
        connection.receive()
        connection.send(bytes(32))

    listener = impostor(believe)
    with pytest.raises(AuthenticationFailed, match="does not know the key"):
        connect(listener.address, listener.key)


def test_something_else_than_a_host_is_recognised(impostor: Callable[..., Listener]) -> None:
    listener = impostor(lambda connection, _: connection.send(b"HTTP/1.1 400 Bad Request"))
    with pytest.raises(ProtocolError, match="not a Moonscope host"):
        connect(listener.address, listener.key)


def test_where_nobody_listens_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLost, match="no host listens at unix:"):
        EngineClient.connect(f"unix:{tmp_path}/s", key=new_key())


def test_one_who_accepts_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(ConnectionLost, match="did not answer in time"):
            EngineClient.connect(str(tmp_path / "s"), key=new_key(), timeout=0.1)


def test_an_address_in_use_is_refused(host: Server, start_host: Callable[..., Server], bystander: EngineClient) -> None:
    with pytest.raises(UsageError, match="in use"):
        start_host(host.address)


def test_the_socket_of_a_killed_host_is_used_again(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    attach(start_host(f"unix:{tmp_path}/s"))


def test_another_version_is_refused_with_both_numbers(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    connection = talk(host, welcome=False)
    connection.send(encode(Hello(VERSION + 41)))
    refused = next_of(Refused, connection)
    assert refused.error.code == "protocol"
    assert f"version {VERSION} " in refused.error.message
    assert f"version {VERSION + 41}" in refused.error.message


def test_a_client_refuses_a_host_of_another_version(impostor: Callable[..., Listener], prove_to_client: Any) -> None:
    def newer_host(connection: Connection, key: bytes) -> None:
        prove_to_client(connection, key)
        connection.receive()
        connection.send(encode(Welcome(VERSION + 1, pid=1)))

    with pytest.raises(ProtocolError, match=f"does not speak version {VERSION}"):
        EngineClient.connect(impostor(newer_host).address)


def test_the_first_message_must_be_hello(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    connection = talk(host, welcome=False)
    connection.send(encode(Request(1, encode_command(Collect()))))
    assert "must be Hello" in next_of(Refused, connection).error.message


def test_a_silent_connection_is_closed_and_keeps_no_one_waiting(
    start_host: Callable[..., Server], dial: Callable[[Server], socket.socket], attach: Callable[..., EngineClient]
) -> None:
    host = start_host(handshake_seconds=0.2)
    silent = [dial(host) for _ in range(10)]
    assert attach(host).request(Collect()).result(DEADLINE) == 0
    for sock in silent:
        while sock.recv(4096):  # its greeting, then the end
            pass


def test_bytes_before_authentication_are_refused(
    host: Server, dial: Callable[[Server], socket.socket], bystander: EngineClient
) -> None:
    sock = dial(host)
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(4096):
            received += chunk
    assert b"Moonscope host" in received


def test_an_unauthenticated_message_is_limited_to_what_authentication_needs(
    host: Server, dial: Callable[[Server], socket.socket], bystander: EngineClient
) -> None:
    sock = dial(host)
    sock.sendall(struct.pack("!I", 1_000_000))
    while sock.recv(4096):
        pass


def test_too_many_windows_are_refused_in_words(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], talk: Callable[..., Connection]
) -> None:
    host = start_host(connections=2)
    client = attach(host)
    talk(host)
    with pytest.raises(UsageError, match="2 windows are attached to this host; close one"):
        attach(host)
    assert client.request(Collect()).result(DEADLINE) == 0
    client.close()
    wait_until(lambda: len(host._clients) == 1)
    assert attach(host).request(Collect()).result(DEADLINE) == 0


@pytest.mark.parametrize("address", [None, "tcp:127.0.0.1:0"])
def test_silent_strangers_do_not_keep_the_owner_out(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], address: str
) -> None:
    """However many they are: those who have proven nothing have few places, and the newest comes in."""
    host = start_host(address, handshake_seconds=DEADLINE * 10)
    client = attach(host)
    with contextlib.ExitStack() as strangers:
        for _ in range(200):
            strangers.enter_context(dial_any(host.address))
        for _ in range(20):
            assert attach(host, timeout=2.0).request(Collect()).result(DEADLINE) == 0
        assert len(host._unauthenticated) <= 64
    assert client.request(Collect()).result(DEADLINE) == 0


def dial_any(address: str) -> socket.socket:
    if address.startswith("tcp:"):
        host, port = address.removeprefix("tcp:").split(":")
        return socket.create_connection((host, int(port)), DEADLINE)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(address.removeprefix("unix:"))
    return sock


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"\0\0", struct.pack("!I", 64) + b"x" * 63], ids=["nothing", "half", "most"])
def test_one_who_does_not_prove_himself_has_two_seconds(
    start_host: Callable[..., Server], dial: Callable[[Server], socket.socket], bystander: EngineClient, said: Any
) -> None:
    host = start_host(handshake_seconds=Limits().handshake_seconds)
    assert Limits().handshake_seconds <= 2.0
    sock = dial(host)
    begin = time.monotonic()
    sock.sendall(said)
    while sock.recv(4096):  # the greeting, then the end
        pass
    assert time.monotonic() - begin < DEADLINE / 2


def test_one_who_says_a_byte_a_second_has_no_longer(
    start_host: Callable[..., Server], dial: Callable[[Server], socket.socket], bystander: EngineClient
) -> None:
    host = start_host(handshake_seconds=0.5)
    sock = dial(host)
    assert sock.recv(4096)
    sock.settimeout(0.1)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(int(DEADLINE / 0.1)):
            sock.sendall(b"\0")
            with contextlib.suppress(TimeoutError):
                if not sock.recv(4096):
                    return
        pytest.fail("it was never let go")


def test_one_who_sends_slowly_keeps_no_one_waiting(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection], attach: Callable[..., EngineClient]
) -> None:
    """A message that comes byte by byte is waited for, not for ever, and costs what has come."""
    connection = talk(host)
    message = encode(Request(1, encode_command(Collect())))
    for byte in struct.pack("!I", len(message)) + message:
        connection._socket.sendall(bytes((byte,)))
        assert attach(host).request(Collect()).result(DEADLINE) == 0
    assert next_of(Response, connection) == Response(1, encode_answer(0))


def test_huge_claims_take_no_memory(host: Server, bystander: EngineClient, talk: Callable[..., Connection]) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    connections = [talk(host) for _ in range(30)]
    for connection in connections:
        connection._socket.sendall(struct.pack("!I", MAX_MESSAGE) + b"x" * 1000)
    with EngineClient.connect(host.address, timeout=DEADLINE) as client:
        assert client.request(Collect()).result(DEADLINE) == 0
    assert process.memory_info().rss - before < MAX_MESSAGE


def test_windows_that_do_not_read_a_large_snapshot_cost_little(
    engine: ScriptedEngine,
    host: Server,
    talk: Callable[..., Connection],
    attach: Callable[..., EngineClient],
    view: View,
) -> None:
    """It is made part by part as they read."""
    for number in range(200):
        engine.add_mark(f"{number} " + "x" * 100_000)
    snapshot = sum(len(mark.text) for mark in engine.marks)
    attach(host, view).request(Collect()).result(DEADLINE)
    process = psutil.Process()
    before = process.memory_info().rss
    stalled = [talk(host) for _ in range(10)]
    attach(host, reading := type(view)())
    reading.wait_for(lambda: len(reading.marks) == 200)  # the parts of the others, asked for before, are made
    assert process.memory_info().rss - before < len(stalled) * snapshot / 2


def test_what_a_client_does_not_read_is_bounded(
    engine: ScriptedEngine,
    start_host: Callable[..., Server],
    talk: Callable[..., Connection],
    attach: Callable[..., EngineClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is let go with the reason, once it has read nothing for a while; whoever reads may ask for as much."""
    engine.scripts[RunChunk] = lambda *_: (RunResult(vm=1, output="x" * 100_000),)
    host = start_host(unread_bytes=1_000_000, unread_seconds=0.2)
    reading = attach(host)
    stalled = talk(host)
    for id in range(100):
        stalled.send(encode(Request(id, encode_command(RunChunk(vms=(), source="")))))
    for future in [reading.request(RunChunk(vms=(), source="")) for _ in range(100)]:
        assert len(future.result(DEADLINE)[0].output) == 100_000
    wait_until(lambda: "bytes of answers were not read" in caplog.text)
    refused = next_of(Refused, stalled)
    assert "bytes of answers were not read" in refused.error.message


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xc1", "not a message"),
        (b"", "not a message"),
        (encode(Welcome(VERSION, pid=1)), "not a message"),
        (msgspec.msgpack.encode({"type": "Request", "id": "one", "command": {"type": "Collect"}}), "id"),
        (
            msgspec.msgpack.encode({"type": "Request", "id": 1, "command": None})[:-1] + b"\x91" * 1_000_000,
            "not a message",
        ),
        (b"\x91" * 1_000_000, "not a message"),
        (encode(Hello(VERSION)), "twice"),
    ],
)
def test_nonsense_is_answered_with_what_is_wrong(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection], data: bytes, words: Any
) -> None:
    connection = talk(host)
    connection.send(data)
    refused = next_of(Refused, connection)
    assert refused.error.code == "protocol"
    assert words in refused.error.message
    with pytest.raises(ConnectionLost):
        connection.receive(deadline=time.monotonic() + DEADLINE)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({"type": "Launch"}, "there is no command 'Launch'"),
        ({"type": 7}, "there is no command 'the command'|expected str"),
        ({}, "the command: object missing required field"),
        ("all", "the command: expected object, got str"),
        ({"type": "Collect", "vms": "all"}, "Collect: vms: expected array, got str"),
        ({"type": "Collect", "vms": ["all"]}, r"Collect: vms\[0\]: expected int, got str"),
        ({"type": "Load"}, "Load: object missing required field paths"),
        ({"type": "Spawn", "options": {"memory_cap": "much"}}, r"Spawn: options\.memory_cap: expected int"),
    ],
)
def test_a_command_that_cannot_be_is_answered_with_what_is_wrong(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection], command: Command[Any], words: Any
) -> None:
    """And the connection goes on."""
    connection = talk(host)
    connection.send(msgspec.msgpack.encode({"type": "Request", "id": 7, "command": command}))
    response = next_of(Response, connection)
    assert (response.id, response.error.code) == (7, "usage")
    assert re.match(words, response.error.message)
    connection.send(encode(Request(8, encode_command(Collect()))))
    assert next_of(Response, connection) == Response(8, encode_answer(0))


def test_an_oversized_message_is_refused_before_it_is_sent_whole(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    connection = talk(host)
    connection._socket.sendall(struct.pack("!I", MAX_MESSAGE + 1) + b"x" * 100_000)
    assert f"limit is {MAX_MESSAGE:,}" in next_of(Refused, connection).error.message


def test_an_oversized_message_is_refused_on_a_port_too(
    start_host: Callable[..., Server], talk: Callable[..., Connection]
) -> None:
    host = start_host("tcp:127.0.0.1:0")
    connection = talk(host)
    connection._socket.sendall(struct.pack("!I", MAX_MESSAGE + 1) + b"x" * 100_000)
    assert f"limit is {MAX_MESSAGE:,}" in next_of(Refused, connection).error.message


def test_a_message_cut_off_ends_only_that_connection(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    connection = talk(host)
    connection._socket.sendall(struct.pack("!I", 1000) + b"x" * 10)
    connection._socket.shutdown(socket.SHUT_WR)
    assert "cut off" in next_of(Refused, connection).error.message


def test_a_request_id_that_is_in_use_is_refused(
    engine: ScriptedEngine, host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    release = threading.Event()
    engine.scripts[RunChunk] = lambda *_: release.wait(DEADLINE) and ()
    connection = talk(host)
    for _ in range(2):
        connection.send(encode(Request(7, encode_command(RunChunk(vms=(), source="")))))
    assert "request id 7 twice" in next_of(Refused, connection).error.message
    release.set()


def test_a_cancel_for_nothing_is_no_error(
    host: Server, bystander: EngineClient, talk: Callable[..., Connection]
) -> None:
    connection = talk(host)
    connection.send(encode(Cancel(99)))
    connection.send(encode(Request(1, encode_command(Collect()))))
    connection.send(encode(Cancel(1)))


def mutations(data: bytes) -> Any:
    """The message with some of its bytes changed, cut, or repeated."""
    places = st.integers(0, len(data))
    return st.builds(lambda at, end, put: data[:at] + put + data[end:], places, places, st.binary(max_size=8))


MESSAGES = [encode(Hello(VERSION)), encode(Request(7, encode_command(Collect(vms=(1, 2))))), encode(Cancel(7))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=st.binary(max_size=60) | mutations(MESSAGES[0]), then=st.binary(max_size=60) | mutations(MESSAGES[1]))
def test_no_bytes_of_an_authenticated_client_hurt_the_host(host: Server, first: Any, then: Any) -> None:
    """Whatever it says, before or after Hello, the connection is answered or closed, and the host goes on."""
    for messages in ((first, then), (MESSAGES[0], then)):
        connection = connect(host.address, timeout=DEADLINE)
        with contextlib.suppress(ConnectionLost):  # it may be refused before all is said
            for message in messages:
                connection.send(message)
        connection.finish(0.0)
        connection.close()
    with EngineClient.connect(host.address, timeout=DEADLINE) as client:
        assert client.request(Collect()).result(DEADLINE) == 0


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_of_a_stranger_hurt_the_host(host: Server, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(host.address.removeprefix("unix:"))
        sock.sendall(data)
    with EngineClient.connect(host.address, timeout=DEADLINE) as client:
        assert client.pid == os.getpid()
