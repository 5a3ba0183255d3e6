"""Whether there is anything to draw on. Asked before Qt is imported, which would end the process without."""

from __future__ import annotations

import os
import sys

from moonscope.errors import UnsupportedError


def has_display() -> bool:
    """False on a machine where Qt would find nothing to draw on."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, named))


def need_display() -> None:
    """Raises UnsupportedError without one."""
    if not has_display():
        raise UnsupportedError(
            "there is no display to open a window on; moonscope run and moonscope inspect need none, and "
            "moonscope demo --screenshot OUT.png draws without one"
        )
