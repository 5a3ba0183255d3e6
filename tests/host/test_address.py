"""Where a host may listen, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.errors import UsageError
from moonscope.wire import TcpAddress, UnixAddress, parse_address


def test_unix_sockets_are_named_by_path() -> None:
    assert parse_address("unix:/run/m/socket") == UnixAddress(Path("/run/m/socket"))
    assert parse_address("/run/m/socket") == UnixAddress(Path("/run/m/socket"))


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_address("unix:socket") == UnixAddress(Path.cwd() / "socket")


@pytest.mark.parametrize(
    ("text", "host"),
    [("tcp:127.0.0.1:7", "127.0.0.1"), ("tcp:localhost:7", "127.0.0.1"), ("tcp:[::1]:7", "::1")],
)
def test_loopback_ports(text: Any, host: str) -> None:
    assert parse_address(text) == TcpAddress(host, 7)


@pytest.mark.parametrize("text", ["tcp:0.0.0.0:7", "tcp:192.168.1.2:7", "tcp:[::]:7", "tcp:example.org:7", "tcp::7"])
def test_other_computers_are_refused(text: Any) -> None:
    with pytest.raises(UsageError, match="not on this computer"):
        parse_address(text)


@pytest.mark.parametrize("text", ["", "unix:", "a\0b", "tcp:127.0.0.1", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1"])
def test_what_is_no_address_is_refused_with_an_example(text: Any) -> None:
    with pytest.raises(UsageError, match=r"write (unix:/path|tcp:127)"):
        parse_address(text)


def test_a_forgotten_prefix_is_guessed() -> None:
    with pytest.raises(UsageError, match=r"write tcp:127\.0\.0\.1:7007"):
        parse_address("127.0.0.1:7007")


def test_a_path_longer_than_the_system_allows_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        parse_address("/" + "x" * 200)


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda text: f"tcp:{text}:80") | st.just("tcp:[::1]:0"))
def test_an_address_read_back_is_the_same(text: Any) -> None:
    try:
        address = parse_address(text)
    except UsageError:
        return
    assert parse_address(str(address)) == address
