"""Text that can do a terminal no harm, and paths as the engine takes them. Light: the start of the window needs it."""

from __future__ import annotations

import os
import sys

from ..errors import UsageError
from ..model import names


def printable(name: str | bytes) -> str:
    """A name in one line: control characters and bytes that are not UTF-8 are escaped, the rest is as it is."""
    text = name if isinstance(name, str) else names.to_text(name)
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def engine_path(path: str) -> str:
    """A path of the command line as the engine's text; raises UsageError when nothing is there."""
    if not os.path.lexists(path):
        raise UsageError(f"{printable(path) or 'an empty path'}: no such file or folder")
    return names.of_path(path)


def complain(text: str) -> None:
    """One line on stderr, with the program's name."""
    print(f"moonscope: {printable(text)}", file=sys.stderr, flush=True)
