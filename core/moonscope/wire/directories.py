"""The private directory of one host: made for its socket and its key, locked while the host lives, removed with it.

A host that was killed leaves it behind, unlocked; the next host that makes a directory beside it removes it. A host at
a port has a key file only, which is locked and removed in the same way.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import platformdirs

from ..errors import UsageError
from .address import LONGEST_SOCKET_PATH, Address, UnixAddress, fits_socket

if sys.platform != "win32":  # which has no sockets of this kind
    import fcntl

KEY_SUFFIX = ".key"  # of the file beside a socket that holds the key
_SOCKET, _LOCK = "socket", "socket.lock"
_SHORT_DIRECTORIES = ("/tmp", "/var/tmp")  # where TMPDIR is too long for a socket
_PREFIXES = ("host-", "moonscope-host-")  # of these directories, in the runtime directory and elsewhere


def new_socket_path() -> tuple[Path, IO[bytes]]:
    """A path for the socket of one host, in a fresh directory with mode 0700, and the lock that says that the host
    lives: to be kept open until then.

    Raises UsageError when there is no directory whose path is short enough for the system.
    """
    for parent, prefix in _parents():
        if not fits_socket(parent / f"{prefix}12345678" / _SOCKET):
            continue
        _remove_those_of_dead_hosts(parent, prefix)
        with contextlib.suppress(OSError):
            directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            return directory / _SOCKET, _lock(directory)
    raise UsageError(
        f"no directory for a socket was found: each candidate cannot be written to or has too long a path (a socket's "
        f"may have {LONGEST_SOCKET_PATH} bytes); set TMPDIR to a short one, or name an address"
    )


def _parents() -> Iterator[tuple[Path, str]]:
    """Where a private directory may be made, and the prefix of its name there."""
    runtime = runtime_directory()
    if runtime is not None:
        yield runtime, _PREFIXES[0]
    with contextlib.suppress(OSError):  # there may be none
        yield Path(tempfile.gettempdir()), _PREFIXES[1]
    for short in _SHORT_DIRECTORIES:
        yield Path(short), _PREFIXES[1]


def remove_traces(address: Address, key_file: Path | None) -> None:
    """Remove what a host leaves behind: its socket, its key, and their directory if it was made for them."""
    files = [key_file] if key_file else []
    if isinstance(address, UnixAddress):
        files.append(address.path)
    _unlink(*files)
    if isinstance(address, UnixAddress) and address.path.name == _SOCKET:
        directory = address.path.parent
        if directory.name.startswith(_PREFIXES):
            _unlink(directory / _LOCK)
            with contextlib.suppress(OSError):
                directory.rmdir()  # fails, rightly, if there is anything else in it


def runtime_directory() -> Path | None:
    """The user's own directory for sockets; None when there is none that others cannot enter."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if sys.platform != "linux":
        path = platformdirs.user_runtime_path("moonscope", appauthor=False)
    elif given:  # after `su` it is another user's; then the next lines fail
        path = Path(given).absolute() / "moonscope"
    else:
        path = platformdirs.user_cache_path("moonscope") / "run"  # a fixed name in /tmp could be another user's trap
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return path if _is_private(path) else None


def is_ours_alone(status: os.stat_result) -> bool:
    """Whether the file or folder with this status belongs to the user, and nobody else may enter or read it."""
    if os.name != "posix":
        return True  # access lists decide there, and a user's own folders are private by default
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077


def _is_private(path: Path) -> bool:
    """Whether it is a directory that nobody else can enter."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and is_ours_alone(status)


def _lock(directory: Path) -> IO[bytes]:
    fresh = directory / (_LOCK + ".new")
    lock = fresh.open("xb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.rename(directory / _LOCK)  # only now: no other host ever sees it unlocked while this one lives
    except OSError:  # a file system without locks; without this file nobody takes the directory for a dead host's
        _unlink(fresh)
    return lock


def _remove_those_of_dead_hosts(parent: Path, prefix: str) -> None:
    """The system unlocks a file when the last process that has it open is gone, however it ended."""
    for path in parent.glob(f"{prefix}*/{_LOCK}"):
        if not _is_private(path.parent):
            continue
        with contextlib.suppress(OSError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its host lives
            path = path.with_name(_SOCKET)
            remove_traces(UnixAddress(path), path.with_name(_SOCKET + KEY_SUFFIX))


def lock_key_file(key_file: Path) -> IO[bytes] | None:
    """Says that the host at a port lives, as long as it is open; None where files cannot be locked."""
    if sys.platform == "win32":
        return None
    lock = key_file.open("r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def remove_stale_keys(directory: Path) -> None:
    """Remove the keys of killed hosts at ports: nobody has locked the file, and nobody listens at the port."""
    if sys.platform == "win32":
        return
    for path in directory.glob("tcp-*" + KEY_SUFFIX):
        found = re.fullmatch(r"tcp-(.+)-(\d{1,5})", path.stem, re.ASCII)
        if found is None:
            continue
        with contextlib.suppress(OSError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its host lives
            if _refuses(found[1].replace("_", ":"), int(found[2])):
                _unlink(path)


def _refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1.0).close()
    except ConnectionRefusedError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _unlink(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
