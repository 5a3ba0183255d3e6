"""What was made before a fork is refused in the child: its threads are not there, and its locks may be held."""

from __future__ import annotations

import os

from ..errors import UsageError


def refuse_in_child(pid: int, what: str) -> None:
    """Raises UsageError when `what` was made by process `pid` and this is another."""
    if os.getpid() != pid:
        raise UsageError(f"this {what} was made in process {pid} before a fork; make a new one here")
