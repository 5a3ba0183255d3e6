"""Where a host listens, as text: `unix:/path/of/socket`, `tcp:127.0.0.1:PORT`, or the bare path of a socket."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import UsageError

LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103  # bytes; with the final zero, `sun_path` has room for
# 108 on Linux and 104 on macOS


@dataclass(frozen=True)
class UnixAddress:
    """A Unix socket; `path` is absolute."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True)
class TcpAddress:
    """A port of the loopback interface; port 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp:{host}:{self.port}"


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Raises UsageError for text that is no address, or one that is not on this computer."""
    if text.startswith("tcp:"):
        return _tcp(text)
    if re.fullmatch(r"[^/]+:\d+", text) and not text.startswith("unix:"):
        raise UsageError(f"{text!r} is not an address; for a TCP port write tcp:{text}")
    return _unix(text.removeprefix("unix:"))


def fits_socket(path: Path) -> bool:
    """Whether the system can name a socket like this."""
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH


def _unix(text: str) -> UnixAddress:
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is not the path of a socket; write unix:/path/of/socket")
    path = Path(text).absolute()
    if not fits_socket(path):
        raise UsageError(f"the socket path {path} is too long: the system allows {LONGEST_SOCKET_PATH} bytes")
    return UnixAddress(path)


def _tcp(text: str) -> TcpAddress:
    found = re.fullmatch(r"tcp:(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:\[\]]*)):(?P<port>\d{1,5})", text, re.ASCII)
    if not found or int(found["port"]) > 65535:
        raise UsageError(f"{text!r} is not an address; write tcp:127.0.0.1:PORT with a port from 0 to 65535")
    host = found["six"] or found["four"] or ""
    if host == "localhost":
        host = "127.0.0.1"
    if not _is_loopback(host):
        raise UsageError(
            f"{text!r} is not on this computer: Moonscope uses 127.0.0.1, [::1] or localhost only; "
            "to reach another computer, forward a port with ssh -L"
        )
    return TcpAddress(host, int(found["port"]))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
