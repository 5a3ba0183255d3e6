"""`moonscope [PATH…]`: open the window. The core names the window's parts and never imports them by itself."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

from ..errors import UnsupportedError
from ..model import Sharing
from ..version import __version__
from .arguments import choice
from .text import engine_path

GROUP = "moonscope.window"
IN_CHECKOUT = {  # used when Moonscope is not installed and thus has no entry points
    "window": "moonscope_gui.app:main",
    "demo": "moonscope_gui.demo:main",
    "bench": "moonscope_gui.bench:measure",
    "picture": "moonscope_gui.picture:to_png",
}
THEMES = ("system", "light", "dark")

HELP = """\
commands:
  run PATH…         load every .lua file in many VMs; print what sharing them saves
  inspect FILE      print the prototypes of a Lua file
  check PATH…       tell which files share cleanly, which read state of their VM, which write globals
  compare A B       print what differs between the prototypes of two Lua files
  bench             measure Moonscope against plain Lua on this machine
  host              serve an engine that windows attach to
  attach ADDRESS    open the window on a host or on a program that serves its engine
  demo              a prepared scenario in the window; --screenshot OUT.png saves a picture of it
  each explains itself: moonscope COMMAND --help

examples:
  moonscope                             the window, empty
  moonscope src/ main.lua               the window, with these files loaded
  moonscope ./run                       the window, with a file that is named like a command
  moonscope run src/ --vms 1000         what would 1,000 VMs share?
  moonscope run src/ --vms 100 --json   the same for a script
  moonscope inspect --listing main.lua  the listing that luac -l -l prints

exit codes: 0 done, 1 failed, 2 wrong command line or missing file, 130 interrupted (Ctrl-C)
"""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="moonscope",
        description="A desktop inspector for Lua prototypes shared between VMs. Without a command: open the window.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="Lua files, or folders to search for them")
    choice(parser, "--sharing", Sharing, Sharing.AUTO, "how VMs share that are not spawned otherwise")
    parser.add_argument("--theme", choices=THEMES, help="colours of the window (default: as last time)")
    parser.add_argument("--version", action="version", version=f"moonscope {__version__}")
    args = parser.parse_args(argv)
    for path in args.paths:
        engine_path(path)  # a missing one is told here, before a window opens
    return open_window(theme=args.theme, paths=args.paths, options=("--sharing", args.sharing))


def open_window(*, theme: str | None = None, paths: Sequence[str] = (), options: Sequence[str] = ()) -> int:
    """Run the window until it is closed. Returns its exit code."""
    chosen = ["--theme", theme] if theme else []
    return int(part("window")([*chosen, *options, *(["--", *paths] if paths else [])]))


def part(name: str) -> Callable[..., Any]:
    """A part of the window by its entry point. Raises UnsupportedError when it cannot be used here."""
    try:
        for entry in entry_points(group=GROUP, name=name):
            return _callable(entry.load())
        module, _, attribute = IN_CHECKOUT[name].partition(":")
        return _callable(getattr(importlib.import_module(module), attribute))
    except ImportError as error:
        raise UnsupportedError(_missing(error)) from error


def _callable(found: Any) -> Callable[..., Any]:
    if not callable(found):
        raise UnsupportedError(f"the entry point of the window is no function: {found!r}; install Moonscope again")
    return found  # type: ignore[no-any-return]


def _missing(error: ImportError) -> str:
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package:
        wanted = {"PySide6": "PySide6-Essentials", "shiboken6": "PySide6-Essentials", "moonscope_gui": "moonscope"}
        return f"the window needs {package}, which is not installed: pip install {wanted.get(package, package)}"
    return f"the window cannot start: {error}; Qt needs system libraries, see the README"
