"""Several updates as one, so that a burst of pushes costs the window one repaint."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from moonscope.model import Update

Item = TypeVar("Item")

# The newest of each stream that are kept while nobody reads (a paused view must not grow without bound).
STREAM_LIMIT = 10_000


def _latest(first: Iterable[Item], second: Iterable[Item], identity: Callable[[Item], Hashable]) -> tuple[Item, ...]:
    rows = {identity(row): row for row in first}
    for row in second:
        rows.pop(identity(row), None)  # so that the order is that of the last change
        rows[identity(row)] = row
    return tuple(rows.values())


def merge(first: Update, second: Update) -> Update:
    """What `first` and then `second` do, in one update. A reset in `second` makes `first` of no account."""
    if second.reset:
        return second
    files_gone, vms_gone = set(second.files_gone), set(second.vms_gone)
    generations_gone = set(second.generations_gone)
    return Update(
        revision=second.revision,
        since=first.since,
        reset=first.reset,
        settings=second.settings or first.settings,
        files=_latest(
            (row for row in first.files if (row.lua, row.key) not in files_gone),
            second.files,
            lambda row: (row.lua, row.key),
        ),
        files_gone=(*first.files_gone, *second.files_gone),
        generations=_latest(
            (row for row in first.generations if row.id not in generations_gone),
            second.generations,
            lambda row: row.id,
        ),
        generations_gone=(*first.generations_gone, *second.generations_gone),
        vms=_latest((row for row in first.vms if row.id not in vms_gone), second.vms, lambda row: row.id),
        vms_gone=(*first.vms_gone, *second.vms_gone),
        loads=(*first.loads, *second.loads)[-STREAM_LIMIT:],
        output=(*first.output, *second.output)[-STREAM_LIMIT:],
        marks=(*first.marks, *second.marks)[-STREAM_LIMIT:],
        samples=(*first.samples, *second.samples)[-STREAM_LIMIT:],
    )
