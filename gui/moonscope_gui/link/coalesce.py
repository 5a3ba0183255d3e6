"""Merging updates, so that a burst of them costs one repaint."""

from __future__ import annotations

from typing import Any

from moonscope.model import Update
from moonscope.model.tables import STREAMS, TABLES, Table

# How many items of each stream are kept, the newest ones, so that a paused view is bounded.
STREAM_LIMIT = 10_000


def merge(first: Update, second: Update) -> Update:
    """One update with the effect of `first` followed by `second`. After a reset in `second`, that is `second` alone."""
    if second.reset:
        return second
    return Update(
        revision=second.revision,
        since=first.since,
        reset=first.reset,
        settings=second.settings or first.settings,
        **{table.name: _rows(table, first, second) for table in TABLES},
        **{table.gone: getattr(first, table.gone) + getattr(second, table.gone) for table in TABLES},
        **{each.name: (getattr(first, each.name) + getattr(second, each.name))[-STREAM_LIMIT:] for each in STREAMS},
    )


def _rows(table: Table[Any, Any], first: Update, second: Update) -> tuple[Any, ...]:
    """The rows of both, in the order of their last change."""
    gone = set(getattr(second, table.gone))
    rows = {key: row for row in getattr(first, table.name) if (key := table.key(row)) not in gone}
    for row in getattr(second, table.name):
        rows.pop(table.key(row), None)
        rows[table.key(row)] = row
    return tuple(rows.values())
