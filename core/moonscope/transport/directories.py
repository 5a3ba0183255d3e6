"""The private directory of one host: made for its socket and its key, locked while the host lives, removed with it.

A host that was killed leaves it behind, unlocked; the next host that makes a directory beside it removes it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO

import platformdirs

from .address import Address, UnixAddress, fits_socket

if sys.platform != "win32":  # which has no sockets of this kind
    import fcntl

KEY_SUFFIX = ".key"  # of the file beside a socket that holds the key
_SOCKET, _LOCK = "socket", "socket.lock"
_PREFIXES = ("host-", "moonscope-host-")  # of these directories, in the runtime directory and elsewhere


def new_socket_path() -> tuple[Path, IO[bytes]]:
    """A path for the socket of one host, in a fresh directory with mode 0700, and the lock that says that the host
    lives: to be kept open until then."""
    runtime = runtime_directory()
    if runtime is not None and fits_socket(runtime / "host-12345678" / _SOCKET):
        parent, prefix = runtime, _PREFIXES[0]
    else:
        parent, prefix = Path(tempfile.gettempdir()), _PREFIXES[1]
    _remove_those_of_dead_hosts(parent, prefix)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    return directory / _SOCKET, _lock(directory)


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
            socket = path.with_name(_SOCKET)
            remove_traces(UnixAddress(socket), socket.with_name(_SOCKET + KEY_SUFFIX))


def _unlink(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
