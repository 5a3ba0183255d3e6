"""File names as bytes and as text, both ways without loss.

A VM names files by bytes of any kind; values that cross a boundary carry `str`. UTF-8 names look as they
are. A byte that is no part of UTF-8 is written `\\xNN`, and so is a backslash that would otherwise read as
such an escape (`\\x5c`). Control characters and newlines stay as they are: showing them is the window's matter.
"""

from __future__ import annotations

import os
import re

from ..errors import UsageError

_LOOKS_ESCAPED = re.compile(r"\\(?=x[0-9a-fA-F]{2})")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")


def to_text(name: bytes) -> str:
    """The name as text that any encoder accepts; `to_bytes` gives the same bytes back."""
    text = name.decode("utf-8", "surrogateescape")
    if "\\" in text:
        text = _LOOKS_ESCAPED.sub(r"\\x5c", text)
    if text.isascii():
        return text
    return _UNDECODABLE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)


def of_path(path: str) -> str:
    """The name of a file whose path is as Python and the system give it."""
    return to_text(os.fsencode(path))


def to_bytes(text: str) -> bytes:
    """The bytes that `text` names: escapes undone, the rest as `utf_8` gives it."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), utf_8(text))


def utf_8(text: str) -> bytes:
    """Text, or a path as Python gives it, as bytes. Raises UsageError for what is neither: half a surrogate pair."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise UsageError(
            f"text with {half!r} in it cannot be used: it is half a surrogate pair, no character"
        ) from error


def printable(data: bytes) -> str:
    """Text a VM produced (printed, raised): never fails, undecodable bytes as `\\xNN`. Not reversible."""
    return data.decode("utf-8", "backslashreplace")
