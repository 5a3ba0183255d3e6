"""`moonscope attach ADDRESS`: open the window on a host that runs already."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .text import engine_path
from .window import THEMES, open_window

EXAMPLES = """\
examples:
  moonscope attach unix:/run/user/1000/moonscope/4711/socket
  moonscope attach tcp:127.0.0.1:7007 --key-file host.key
"""


def main(argv: Sequence[str]) -> int:
    """`moonscope attach`: open the window on a host. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="moonscope attach",
        description="Open the window on a Moonscope host, or on a program that calls moonscope.serve().",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", metavar="ADDRESS", help="what the host printed: unix:/path or tcp:HOST:PORT")
    parser.add_argument("--key-file", metavar="F", help="the file with the host's key (default: beside the socket)")
    parser.add_argument("--theme", choices=THEMES, help="colours of the window (default: as last time)")
    args = parser.parse_args(argv)
    if args.key_file is not None:
        engine_path(args.key_file)
    return open_window(theme=args.theme, attach=args.address, key_file=args.key_file)
