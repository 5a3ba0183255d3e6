"""The numbers of the window: how soon it is painted, and how busy its thread is. Run by `moonscope bench --window`.

Each window is measured in a process of its own, which reports what it saw in one line of JSON on stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from moonscope.errors import UnsupportedError

VMS, FILES, INTERVAL = 1000, 500, 0.25  # what the busy host changes, and how often (s)
PATIENCE = 120  # seconds until a process that says nothing is given up

Taken = tuple[str, str, float, list[float], str]
"""What was measured, "<=" or "" and the target, a value per round, the unit ("x": a ratio, "%", "ms")."""

_EMPTY = "from moonscope_gui.bench_watch import run_empty; run_empty()"
_WINDOW = "from moonscope_gui.bench_watch import report_start; report_start(); from moonscope.cli import main; main([])"
_INSPECTOR = "import sys; from moonscope_gui.bench_inspector import report; report(int(sys.argv[1]))"
_BUSY = (
    "import sys; from moonscope_gui.bench_watch import report_busy; report_busy(int(sys.argv[2]));"
    "from moonscope.cli import main; main(['attach', sys.argv[1]])"
)


def measure(quick: bool) -> list[Taken]:
    """Start and watch real windows, on a virtual platform where there is no display."""
    with tempfile.TemporaryDirectory(prefix="moonscope-bench-") as home:
        painted, plotted = start_ratios(home, rounds=3 if quick else 11)
        busy = busy_share(home, seconds=5 if quick else 20)
        read = reading(home, rounds=2 if quick else 7)
    return [
        ("start to painted window / empty PySide6 + pyqtgraph window", "<=", 2.0, painted, "x"),
        ("start to the engine's first numbers in its plots / the same", "", 0.0, plotted, "x"),
        (f"window's thread busy, {VMS:,} VMs and {FILES} files 4 times a second", "<=", 20.0, busy, "%"),
        *read,
    ]


def start_ratios(home: str, rounds: int) -> tuple[list[float], list[float]]:
    """From the start of the process to the painted window, and to a plot of the engine's first sample: each as a ratio
    to the time from the start of another process to its painted empty window."""
    painted, plotted = [], []
    for _ in range(rounds + 1):
        empty = _seconds(home, _EMPTY)["painted"]
        window = _seconds(home, _WINDOW)
        painted.append(window["painted"] / empty)
        plotted.append(window["plotted"] / empty)
    return painted[1:], plotted[1:]  # the first ones read everything from disk


def _seconds(home: str, program: str) -> dict[str, float]:
    """How long after its start a process reached what it reports."""
    started = time.monotonic()
    return {name: moment - started for name, moment in _ask(home, program).items()}


def busy_share(home: str, seconds: int) -> list[float]:
    """Per cent of each second that the GUI thread of the attached window was at work."""
    with _busy_host() as address:
        shares: list[float] = _ask(home, _BUSY, address, str(seconds))["busy"]
    return shares


def reading(home: str, rounds: int) -> list[Taken]:
    """What the inspector makes a reader wait for; see `bench_inspector`."""
    taken: list[Taken] = _ask(home, _INSPECTOR, str(rounds))["taken"]
    return taken


@contextlib.contextmanager
def _busy_host() -> Iterator[str]:
    command = [sys.executable, "-m", "moonscope.cli.bench_host", str(VMS), str(FILES), str(INTERVAL)]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert host.stdout is not None
        address = host.stdout.readline().strip()
        if not address:
            raise UnsupportedError("the busy host did not start")
        yield address
    finally:
        host.communicate()  # closes its stdin, which ends it


def _ask(home: str, program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in a fresh process; what it reports."""
    environment = {**os.environ, "XDG_CONFIG_HOME": home}  # not the user's window layout
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError) as error:
        raise UnsupportedError("a window reported nothing; does `moonscope` open one here?") from error
    return report
