"""`moonscope [PATH…]`: open the window. The core names the window's parts and never imports them by itself."""

from __future__ import annotations

import argparse
import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import UnsupportedError
from ..model import Sharing
from .arguments import choice
from .text import engine_path

PARTS = {  # of the window: module and function
    "window": "moonscope_gui.app.start:main",
    "demo": "moonscope_gui.app.demo:main",
    "bench": "moonscope_gui.bench:measure",
    "picture": "moonscope_gui.app.picture:to_png",
}
THEMES = ("system", "light", "dark")

HELP = """\
commands:
  run PATH…         load every .lua file in many VMs; print what sharing them saves
  inspect FILE      print the prototypes of a Lua file
  check PATH…       tell which files share cleanly, which read state of their VM, which (may) write globals
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
    """`moonscope [PATH…]`: open the window. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="moonscope",
        description="A desktop inspector for Lua prototypes shared between VMs. Without a command: open the window.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="Lua files, or folders to search for them")
    choice(parser, "--sharing", Sharing, Sharing.AUTO, "how VMs share that are not spawned otherwise")
    parser.add_argument("--theme", choices=THEMES, help="colours of the window (default: as last time)")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    args = parser.parse_args(argv)
    if args.version:
        return _tell_version()
    for path in args.paths:
        engine_path(path)  # a missing one is told here, before a window opens
    return open_window(theme=args.theme, paths=args.paths, sharing=args.sharing)


def open_window(
    *,
    theme: str | None = None,
    paths: Sequence[str] = (),
    sharing: Sharing = Sharing.AUTO,
    attach: str = "",
    key_file: str | None = None,
) -> int:
    """Run the window until it is closed: on the host at the address `attach`, or on one of its own whose VMs share by
    `sharing`. Returns its exit code."""
    key = None if key_file is None else Path(key_file)
    with _what_is_missing():
        return int(part("window")(theme=theme, paths=paths, sharing=sharing, attach=attach, key_file=key))


def part(name: str) -> Callable[..., Any]:
    """A part of the window. Raises UnsupportedError when it cannot be used here."""
    module, _, function = PARTS[name].partition(":")
    with _what_is_missing():
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


@contextlib.contextmanager
def _what_is_missing() -> Iterator[None]:
    """A part of the window that cannot be imported is told as what to install."""
    try:
        yield
    except ImportError as error:
        raise UnsupportedError(_missing(error)) from error


def _tell_version() -> int:
    from ..version import __version__  # reads the installation, which the window need not wait for

    print(f"moonscope {__version__}")
    return 0


def _missing(error: ImportError) -> str:
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package:
        wanted = {"PySide6": "PySide6-Essentials", "shiboken6": "PySide6-Essentials", "moonscope_gui": "moonscope"}
        return f"the window needs {package}, which is not installed: pip install {wanted.get(package, package)}"
    return f"the window cannot start: {error}; Qt needs system libraries, see the README"
