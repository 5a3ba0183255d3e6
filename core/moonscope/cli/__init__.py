"""The command `moonscope`: what is asked for, and how it ends.

Each sub-command is one module with `main(argv) -> int`, imported when it is asked for, so that opening the
window loads no Lua and `run` loads no Qt. Errors end here: one line on stderr, never a traceback.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from ..errors import MoonscopeError, UsageError
from .text import complain, printable

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130  # exit codes, explained in `moonscope --help`

COMMANDS = {  # name → module with `main`
    "run": ".run",
    "inspect": ".inspect",
    "check": ".check",
    "compare": ".compare",
    "bench": ".bench",
    "host": "..host",
    "attach": ".attach",
    "demo": ".demo",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line (without the program's name). Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _accept_any_text()
    try:
        code = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: help was printed, or the command line is wrong
        return stop.code if isinstance(stop.code, int) else DONE
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except UsageError as error:
        complain(f"error: {error}")
        return MISUSED
    except MoonscopeError as error:
        complain(f"error: {error}")
        return FAILED
    except OSError as error:
        where = f"{printable(os.fspath(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        complain(f"error: {where}{error.strerror or error}")
        return FAILED


def _dispatch(arguments: list[str]) -> int:
    """A first argument that names no command is a PATH or an option of the window."""
    if arguments and arguments[0] in COMMANDS:
        module = importlib.import_module(COMMANDS[arguments[0]], __package__)
        return int(module.main(arguments[1:]))
    from . import window

    return window.main(arguments)


def _accept_any_text() -> None:
    """A terminal that cannot show a character of a name gets it escaped instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # absent where a test or an embedder put its own stream
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
