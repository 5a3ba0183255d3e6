"""The key two sides share, the file that holds it, and the private directory it lies in."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

import platformdirs

from ..errors import AuthenticationFailed, UsageError
from .address import Address, UnixAddress, fits_socket

KEY_BYTES = 32
_SOCKET_NAME = "socket"
_PREFIXES = ("host-", "moonscope-host-")  # of the private directories, in the runtime directory and elsewhere


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def check_key(key: bytes) -> bytes:
    """Raises UsageError unless it has the right length."""
    if len(key) != KEY_BYTES:
        raise UsageError(f"a key has {KEY_BYTES} bytes, this one has {len(key)}")
    return key


def write_key(path: Path, key: bytes) -> None:
    """Write the key as hex digits to a file with mode 0600. Raises UsageError when that fails.

    A file that is there already is replaced, never reused: others may have it open or linked elsewhere.
    """
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(check_key(key).hex() + "\n")
    except OSError as error:
        raise UsageError(f"cannot write the key file {path}: {error.strerror}") from error


def read_key(path: Path) -> bytes:
    """Raises AuthenticationFailed when the file is missing, damaged, or open to other users."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(4 * KEY_BYTES).strip()
    except OSError as error:
        raise AuthenticationFailed(f"cannot read the key file {path}: {error.strerror}") from error
    if not _is_ours_alone(status):
        raise AuthenticationFailed(
            f"the key file {path} belongs to, or can be read by, other users; make it yours alone (chmod 600)"
        )
    try:
        return check_key(bytes.fromhex(text.decode("ascii")))
    except (ValueError, UsageError) as error:
        raise AuthenticationFailed(f"{path} is not a key file: it should hold {2 * KEY_BYTES} hex digits") from error


def key_file_of(address: Address) -> Path:
    """Where the host at `address` leaves its key, unless its owner chose another place."""
    if isinstance(address, UnixAddress):
        return address.path.with_name(address.path.name + ".key")
    directory = _runtime_directory()
    if directory is None:
        raise UsageError(f"there is no private directory for the key of {address}; name a key file")
    return directory / f"tcp-{address.host.replace(':', '_')}-{address.port}.key"


def new_socket_path() -> Path:
    """A path for the socket of one host, in a fresh directory with mode 0700 that holds nothing else."""
    runtime = _runtime_directory()
    if runtime is not None and fits_socket(runtime / "host-12345678" / _SOCKET_NAME):
        return Path(tempfile.mkdtemp(prefix=_PREFIXES[0], dir=runtime)) / _SOCKET_NAME
    return Path(tempfile.mkdtemp(prefix=_PREFIXES[1])) / _SOCKET_NAME


def remove_traces(address: Address, key_file: Path | None) -> None:
    """Remove what a host leaves behind: its socket, its key, and their directory if it was made for them."""
    files = [key_file] if key_file else []
    if isinstance(address, UnixAddress):
        files.append(address.path)
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
    if isinstance(address, UnixAddress) and address.path.name == _SOCKET_NAME:
        directory = address.path.parent
        if directory.name.startswith(_PREFIXES):
            with contextlib.suppress(OSError):
                directory.rmdir()  # fails, rightly, if there is anything else in it


def _runtime_directory() -> Path | None:
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
        status = path.lstat()
    except OSError:
        return None
    return path if stat.S_ISDIR(status.st_mode) and _is_ours_alone(status) else None


def _is_ours_alone(status: os.stat_result) -> bool:
    if os.name != "posix":
        return True  # access lists decide there, and a user's own folders are private by default
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
