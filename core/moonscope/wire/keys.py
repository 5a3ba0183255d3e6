"""The key two sides share, and the file that holds it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import AuthenticationFailed, UsageError
from .address import Address, UnixAddress
from .directories import KEY_SUFFIX, is_ours_alone, runtime_directory

KEY_BYTES = 32


def new_key() -> bytes:
    """A new random key, KEY_BYTES long."""
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
    if not is_ours_alone(status):
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
        return address.path.with_name(address.path.name + KEY_SUFFIX)
    directory = runtime_directory()
    if directory is None:
        raise UsageError(f"there is no private directory for the key of {address}; name a key file")
    return directory / f"tcp-{address.host.replace(':', '_')}-{address.port}.key"
