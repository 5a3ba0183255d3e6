"""Sending a large Update in parts that each fit a message."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ..errors import ProtocolError
from ..model import Update
from ..model.tables import STREAMS, TABLES
from ..wire.messages import Push, encode

log = logging.getLogger("moonscope.host")

_FIELDS = tuple(field for table in TABLES for field in (table.name, table.gone)) + tuple(s.name for s in STREAMS)


def whole(update: Update, limit: int) -> bytes:
    """The Update as one encoded Push message; b"" when that has more than `limit` bytes, and could have less."""
    try:
        message = encode(Push(update))
    except ProtocolError:
        return b""
    return message if len(message) <= limit or _count(update) < 2 else b""


def pushes(update: Update, limit: int) -> Iterator[bytes]:
    """The Update as encoded Push messages of at most `limit` bytes, if its rows allow; each is made when asked for.

    The first part has its `since`, `reset` and `settings`; the others continue it (`since == revision`), so
    that a receiver applies them like any other Update. A row that alone is over the protocol's limit is
    left out, and logged.
    """
    rest = [update]
    while rest:
        part = rest.pop()
        if message := whole(part, limit):
            yield message
        elif _count(part) < 2:
            log.error("one row of revision %d is too large for a message and was left out", update.revision)
            yield encode(Push(replace(part, **dict.fromkeys(_FIELDS, ()))))
        else:
            rest += reversed(_halves(part))


def _count(update: Update) -> int:
    return sum(len(getattr(update, name)) for name in _FIELDS)


def _halves(update: Update) -> tuple[Update, Update]:
    first_rows = _count(update) // 2
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    for name in _FIELDS:
        rows = getattr(update, name)
        first[name], second[name] = rows[:first_rows], rows[first_rows:]
        first_rows -= len(first[name])
    return replace(update, **first), Update(revision=update.revision, since=update.revision, **second)
