"""The start of the window, as far as it goes without Qt.

The engine's host is started first, so that it gets ready while this process imports Qt and paints the window. What the
first picture does not need is imported later, in the function that needs it: the plots, the browser of prototypes, the
dialogs, the analysis of files. tests/gui/test_start.py says what must not be imported by then.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Sequence
from pathlib import Path

from moonscope.client.host_process import HostProcess
from moonscope.errors import ConnectionLost
from moonscope.model import Sharing

from .display import need_display


def main(
    *,
    theme: str | None = None,
    paths: Sequence[str] = (),
    sharing: Sharing = Sharing.AUTO,
    attach: str = "",
    key_file: Path | None = None,
) -> int:
    """Open the window and load `paths`: with a host of its own, whose VMs share by `sharing` unless told otherwise, or
    on the one at the address `attach`.

    `theme` is "light", "dark", "system", or None: as last time. Returns the exit code when the window is closed.
    Raises UnsupportedError without a display.
    """
    need_display()
    gc.disable()  # what is made until the window is built stays: looking through it for garbage is in vain
    options = ("--sharing", sharing.value)
    host = HostProcess(options)
    if not attach:
        with contextlib.suppress(ConnectionLost):  # tried again, and told, when there is a window
            host.launch()
    from . import application as app

    window = app.open_window(theme, paths)
    if attach:
        window.link.attach(attach, key_file)
    else:
        window.link.start_host(options, host)
    gc.freeze()
    gc.enable()
    return app.run(window)
