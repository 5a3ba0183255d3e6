"""Whole messages over a socket: what arrives is what was sent, or an error that says what is wrong."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.errors import ConnectionLost, ProtocolError
from moonscope.wire import Connection, Sender

DEADLINE = 20.0


@pytest.fixture
def pair() -> Iterator[Any]:
    """A raw socket, and a Connection at its other end."""
    raw, ours = socket.socketpair()
    connection = Connection(ours, "the client")
    yield raw, connection
    raw.close()
    connection.close()


@given(st.lists(st.binary(max_size=300_000), max_size=5))
def test_messages_arrive_whole_and_in_order(messages: Any) -> None:
    ours, theirs = (Connection(sock, "the other side") for sock in socket.socketpair())
    sender = threading.Thread(target=lambda: [ours.send(message) for message in messages])
    sender.start()
    assert [theirs.receive() for _ in messages] == messages
    sender.join()
    ours.close()
    with pytest.raises(ConnectionLost):
        theirs.receive()
    theirs.close()


def test_a_message_over_the_limit_is_refused_before_it_is_read(pair: tuple[socket.socket, Connection]) -> None:
    raw, connection = pair
    raw.sendall(struct.pack("!I", 101) + b"x" * 101)
    with pytest.raises(ProtocolError, match="101 bytes; the limit is 100"):
        connection.receive(limit=100)
    assert connection._socket.recv(1000) == b"x" * 101


def test_a_huge_claim_takes_no_memory_and_ends_with_the_sender(pair: tuple[socket.socket, Connection]) -> None:
    raw, connection = pair
    raw.sendall(struct.pack("!I", 60_000_000) + b"only this")
    raw.close()
    with pytest.raises(ProtocolError, match="cut off in the middle of a message: 9 of 60,000,000"):
        connection.receive()


def test_a_cut_off_length_is_told_from_an_end(pair: tuple[socket.socket, Connection]) -> None:
    raw, connection = pair
    raw.sendall(b"\0\0")
    raw.close()
    with pytest.raises(ProtocolError, match="cut off"):
        connection.receive()


def test_an_end_between_messages_is_a_lost_connection(pair: tuple[socket.socket, Connection]) -> None:
    raw, connection = pair
    raw.close()
    with pytest.raises(ConnectionLost, match="the client has closed the connection"):
        connection.receive()


def test_a_silent_side_is_given_up_at_the_deadline(pair: tuple[socket.socket, Connection]) -> None:
    _, connection = pair
    with pytest.raises(ConnectionLost, match="did not answer in time"):
        connection.receive(deadline=time.monotonic() + 0.05)


def test_a_side_that_drips_bytes_is_given_up_at_the_deadline(pair: tuple[socket.socket, Connection]) -> None:
    raw, connection = pair
    raw.sendall(struct.pack("!I", 1000))
    dripping = threading.Event()

    def drip() -> None:
        while not dripping.wait(0.01):
            raw.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(ConnectionLost, match="did not answer in time"):
        connection.receive(deadline=time.monotonic() + 0.2)
    dripping.set()
    thread.join()


def test_shutdown_wakes_a_thread_that_receives(pair: tuple[socket.socket, Connection]) -> None:
    _, connection = pair
    threading.Timer(0.05, connection.shutdown).start()
    with pytest.raises(ConnectionLost):
        connection.receive()


class TestSender:
    """The queue in front of a connection."""

    def test_what_was_queued_is_sent_before_the_end(self, pair: tuple[socket.socket, Connection]) -> None:
        raw, connection = pair
        sender = Sender(connection, "sender")
        for number in range(100):
            sender.send(b"%d" % number)
        sender.stop()
        sender.send(b"too late")
        reader = Connection(raw, "the host")
        assert [reader.receive() for _ in range(100)] == [b"%d" % number for number in range(100)]
        sender.close(DEADLINE)
        connection.close()
        with pytest.raises(ConnectionLost, match="closed the connection"):
            reader.receive()

    def test_close_does_not_wait_for_one_who_never_reads(self, pair: tuple[socket.socket, Connection]) -> None:
        _, connection = pair
        sender = Sender(connection, "sender")
        sender.send(b"x" * 10_000_000)
        sender.close(0.05)
