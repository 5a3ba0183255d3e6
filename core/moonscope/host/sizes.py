"""Numbers as people give them on command lines."""

from __future__ import annotations

import argparse
import re


def size(text: str) -> int:
    """Bytes, with K, M or G for their multiples of 1,024."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give bytes, or a number with K, M or G")
    amount: int = int(match[1]) * 1024 ** " KMG".index(match[2].upper() or " ")
    if amount == 0:
        raise argparse.ArgumentTypeError("0 bytes are too little; leave the option out for no limit")
    return amount
