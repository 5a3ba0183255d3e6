"""Kinds of option values that several commands share, with errors in the user's words."""

from __future__ import annotations

import argparse
from enum import StrEnum

from ..host.option_types import positive as positive
from ..host.option_types import size as size


def choice(parser: argparse.ArgumentParser, option: str, kind: type[StrEnum], default: StrEnum, help: str) -> None:
    """An option whose values are those of an enumeration."""
    known = "|".join(kind)

    def parse(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {known}") from None

    parser.add_argument(option, type=parse, default=default, metavar=known, help=f"{help} (default: {default})")
