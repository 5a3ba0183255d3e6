"""The key lies where only its owner can read it, and nowhere for longer than its host."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonscope.client.engine_client import EngineClient
from moonscope.errors import AuthenticationFailed, UsageError
from moonscope.host.server import Server
from moonscope.wire import KEY_BYTES, new_key, read_key, write_key


def mode(path: Any) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_socket_directory_and_key_are_private(host: Server) -> None:
    socket = Path(host.address.removeprefix("unix:"))
    assert mode(socket.parent) == 0o700
    assert mode(socket) == 0o600
    assert host.key_file is not None
    assert mode(host.key_file) == 0o600
    assert len(read_key(host.key_file)) == KEY_BYTES


def test_socket_directory_and_key_go_with_the_host(host: Server) -> None:
    socket = Path(host.address.removeprefix("unix:"))
    host.close()
    assert not socket.parent.exists()
    assert not host.key_file.exists()


def test_every_host_has_its_own_key(start_host: Callable[..., Server]) -> None:
    first, second = start_host().key_file, start_host().key_file
    assert first is not None
    assert second is not None
    assert read_key(first) != read_key(second)


def test_a_private_directory_elsewhere_is_used_when_the_runtime_directory_is_open_to_others(
    start_host: Callable[..., Server], runtime_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime_directory / "moonscope").mkdir(mode=0o755)
    host = start_host()
    socket = Path(host.address.removeprefix("unix:"))
    assert runtime_directory not in socket.parents
    assert mode(socket.parent) == 0o700


def test_a_runtime_directory_that_cannot_be_used_is_no_error(
    start_host: Callable[..., Server],
    attach: Callable[..., EngineClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be another user's, after `su`, which no process may write to; a file stands for it here."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    host = start_host()
    socket = Path(host.address.removeprefix("unix:"))
    assert mode(socket.parent) == 0o700
    attach(host)


def test_the_key_of_a_port_lies_in_the_runtime_directory(
    start_host: Callable[..., Server], runtime_directory: Path, attach: Callable[..., EngineClient]
) -> None:
    host = start_host("tcp:127.0.0.1:0")
    assert runtime_directory in host.key_file.parents
    assert mode(host.key_file) == 0o600
    attach(host)
    host.close()
    assert not host.key_file.exists()


def test_a_callers_own_key_is_written_nowhere(
    start_host: Callable[..., Server], attach: Callable[..., EngineClient], runtime_directory: Path
) -> None:
    key = new_key()
    host = start_host(key=key)
    assert host.key_file is None
    assert not list(runtime_directory.rglob("*.key"))
    attach(host, key=key)


def test_a_key_of_another_length_is_refused(start_host: Callable[..., Server]) -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        start_host(key=b"secret")


def test_writing_a_key_replaces_the_file_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    other = tmp_path / "other"
    os.link(path, other)
    key = new_key()
    write_key(path, key)
    assert read_key(path) == key
    assert mode(path) == 0o600
    assert other.read_text() == "old"


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(path, new_key())
    path.chmod(0o640)
    with pytest.raises(AuthenticationFailed, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize("content", [b"", b"not hex", b"abcd", b"\xff" * 64, b"a" * 100_000])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AuthenticationFailed, match="is not a key file"):
        read_key(path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationFailed, match="nowhere"):
        read_key(tmp_path / "nowhere")
