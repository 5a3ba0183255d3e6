"""For `type=` of argparse: numbers on command lines. Both raise ArgumentTypeError."""

from __future__ import annotations

import argparse
import re


def size(text: str) -> int:
    """A number of bytes, at least 1; K, M or G after it multiply by 1024, 1024² or 1024³."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give bytes, or a number with K, M or G")
    amount: int = int(match[1]) * 1024 ** " KMG".index(match[2].upper() or " ")
    if amount == 0:
        raise argparse.ArgumentTypeError("0 bytes are too little; leave the option out for no limit")
    return amount


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small; 1 is the least")
    return number
