"""`moonscope demo`: a prepared scenario in the real window. Its options are the window's."""

from __future__ import annotations

from collections.abc import Sequence

from .window import part


def main(argv: Sequence[str]) -> int:
    """`moonscope demo`: open the window with an example at work. Returns the exit code."""
    return int(part("demo")(list(argv)))
