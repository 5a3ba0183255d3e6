"""Kinds of option values that several commands share, with errors in the user's words."""

from __future__ import annotations

import argparse
from enum import StrEnum

from ..host.sizes import size as size


def choice(parser: argparse.ArgumentParser, option: str, kind: type[StrEnum], default: StrEnum, help: str) -> None:
    """An option whose values are those of an enumeration."""
    known = "|".join(kind)

    def parse(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {known}") from None

    parser.add_argument(option, type=parse, default=default, metavar=known, help=f"{help} (default: {default})")


def positive(text: str) -> int:
    """For `type=` of argparse: a whole number of 1 or more. Raises ArgumentTypeError."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small; 1 is the least")
    return number
