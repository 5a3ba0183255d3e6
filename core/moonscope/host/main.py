"""The host as a process of its own: `moonscope host`."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ..errors import MoonscopeError, UsageError
from ..model import CacheMode, Libraries, Sharing
from ..wire import new_key, read_key, write_key
from .option_types import positive, size
from .server import Server, serve

_EXAMPLES = """\
examples:
  moonscope host
  moonscope host --address tcp:127.0.0.1:7007 --key-file ~/moonscope.key
"""
_GRACE_SECONDS = 20.0  # for an orderly end; then it is ended anyway, so that no host is left behind


def main(argv: Sequence[str] | None = None) -> int:
    """Serve a new engine until SIGINT, SIGTERM or, when embedded, Shutdown or the end of stdin. The exit code."""
    options = _parser().parse_args(argv)
    _open_standard_streams()
    faulthandler.enable()
    logging.basicConfig(format="moonscope host: %(message)s")
    ending = threading.Event()
    threading.Thread(target=_end_anyway, args=(ending,), name="moonscope-end", daemon=True).start()
    try:
        _end_on_signals(ending)
        if options.embedded:
            _end_with_stdin(ending)
        _run(options, ending)
    except MoonscopeError as error:
        with contextlib.suppress(OSError):
            print(f"moonscope host: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _open_standard_streams() -> None:
    """Where one is closed, nothing is read and what is written is dropped; else its number would be given to the next
    file or socket, into which Lua code would then write."""
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope host",
        description="Run an engine that windows attach to. Prints where, as one line of JSON: address, key_file, pid.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", help="unix:/path or tcp:127.0.0.1:PORT; default: a socket in a private directory")
    parser.add_argument("--key-file", type=Path, help="use the key in this file; it is made when it does not exist")
    parser.add_argument("--workers", type=positive, default=2, help="threads that run VMs (default: 2)")
    parser.add_argument("--mode", choices=[*map(str, CacheMode)], default="on", help="cache mode of VMs (default: on)")
    parser.add_argument(
        "--sharing", choices=[*map(str, Sharing)], default="auto",
        help="how VMs share that are spawned with auto, where their Lua can (default: auto, the best)",
    )  # fmt: skip
    parser.add_argument(
        "--libraries", choices=[*map(str, Libraries)], default="all",
        help="standard libraries of VMs that are spawned without a choice of them; restricted: no debug, C libraries, "
        "binary chunks; pure: no io and little of os either (default: all)",
    )  # fmt: skip
    parser.add_argument("--cache-bytes", metavar="BYTES", type=size, default=0, help="most that each cache stores")
    parser.add_argument("--cache-files", metavar="N", type=positive, default=0, help="most files it stores")
    parser.add_argument("--embedded", action="store_true", help=argparse.SUPPRESS)  # by the window that starts it
    return parser


def _run(options: argparse.Namespace, ending: threading.Event) -> None:
    from ..engine import Engine  # only here: `serve` works with any engine

    engine = Engine(
        workers=options.workers,
        default_mode=CacheMode(options.mode),
        default_sharing=Sharing(options.sharing),
        default_libraries=Libraries(options.libraries),
        cache_bytes=options.cache_bytes,
        cache_files=options.cache_files,
    )
    try:
        key = None if options.key_file is None else _key(options.key_file)
        with serve(engine, options.address, key=key, embedded=options.embedded) as server:
            threading.Thread(target=_end_on_request, args=(server, ending), daemon=True).start()
            _announce(server, options.key_file)
            ending.wait()
    finally:
        engine.close()


def _key(path: Path) -> bytes:
    if not path.exists():
        write_key(path, new_key())
    return read_key(path)


def _announce(server: Server, key_file: Path | None) -> None:
    """Print the one line, then leave stdout to nobody: what Lua code writes there goes to stderr."""
    where = {"address": server.address, "key_file": str(key_file or server.key_file), "pid": os.getpid()}
    with contextlib.suppress(OSError):  # whoever asked for it may be gone; others know an address that was given
        print(json.dumps(where), flush=True)
    os.dup2(2, 1)


def _end_on_signals(ending: threading.Event) -> None:
    # Python writes the number of a signal into this pipe at once. A handler in Python would wait for the main thread,
    # which heeds no signal any more when it is just about to wait for `ending`.
    asked, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def watch() -> None:
        os.read(asked, 1)
        ending.set()
        os._exit(128 + os.read(asked, 1)[0])  # asked twice: at once

    threading.Thread(target=watch, name="moonscope-signals", daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _end_with_stdin(ending: threading.Event) -> None:
    """The window holds the other end of our stdin: when it dies, however it dies, we read the end of the file.

    Lua code gets an empty stdin instead, so that `io.read` in a script neither hangs nor takes what is ours.
    """
    ours = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)

    def watch() -> None:
        while os.read(ours, 4096):
            pass
        ending.set()

    threading.Thread(target=watch, name="moonscope-stdin", daemon=True).start()


def _end_on_request(server: Server, ending: threading.Event) -> None:
    server.wait_for_shutdown()
    ending.set()


def _end_anyway(ending: threading.Event) -> None:
    ending.wait()
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
