"""Which file a prototype tree was compiled from."""

from __future__ import annotations

from typing import NamedTuple


class SourceFile(NamedTuple):
    """Where a file's source is, and which version of it was compiled as far as that is known."""

    path: str  # as the engine writes it (`moonscope.model.names`)
    digest: str = ""  # SHA-256 in hex, as the engine has it; "": not known
    mtime: float = 0.0  # counts when there is no digest; 0.0: not known
