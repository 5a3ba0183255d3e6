"""Which rows of a table are shown, and in what order. Filter and sort key are computed only for rows that change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class Arrangement(Generic[Row]):
    """Rows by id. Rows with equal sort keys are ordered by id, in both directions; so ids must be comparable."""

    def __init__(self) -> None:
        self.rows: dict[Hashable, Row] = {}
        self._ids: list[Any] = []  # of all rows, ascending
        self._key: Callable[[Row], Any] | None = None
        self._descending = False
        self._keys: dict[Hashable, Any] = {}  # of all rows; empty without a sort key
        self._shows: Callable[[Row], bool] | None = None
        self._hidden: set[Hashable] = set()

    def reset(self, rows: dict[Hashable, Row]) -> None:
        """Replace all rows."""
        self.rows = rows
        self._ids = sorted(rows)
        self.sort_by(self._key, self._descending)
        self.show_only(self._shows)

    def sort_by(self, key: Callable[[Row], Any] | None, descending: bool) -> None:
        """Order rows by `key`, or by insertion if it is None."""
        self._key, self._descending = key, descending
        self._keys = {} if key is None else {row_id: key(row) for row_id, row in self.rows.items()}

    def show_only(self, shows: Callable[[Row], bool] | None) -> None:
        """Show only the rows for which `shows` is true; all if it is None."""
        self._shows = shows
        self._hidden = set() if shows is None else {row_id for row_id, row in self.rows.items() if not shows(row)}

    def update(self, rows: Mapping[Hashable, Row]) -> bool:
        """Add or replace rows. Returns True if the rows that are shown, or their order, may have changed."""
        fresh = [row_id for row_id in rows if row_id not in self.rows]
        self.rows.update(rows)
        self._ids += fresh
        if fresh:
            self._ids.sort()
        moved = [self._update_row(row_id, row) for row_id, row in rows.items()]
        return bool(fresh) or any(moved)

    def remove(self, ids: Collection[Hashable]) -> None:
        """Remove rows; each must be there."""
        if not ids:
            return
        for row_id in ids:
            del self.rows[row_id]
            self._keys.pop(row_id, None)
            self._hidden.discard(row_id)
        self._ids = [row_id for row_id in self._ids if row_id in self.rows]

    def order(self, without: Collection[Hashable] = ()) -> list[Hashable]:
        """Ids of the rows to be shown, in order, without those of `without`."""
        ids: Iterable[Hashable] = self.rows if self._key is None else self._ids
        left_out = self._hidden.union(without)
        shown = [row_id for row_id in ids if row_id not in left_out] if left_out else list(ids)
        if self._key is not None:
            shown.sort(key=self._keys.__getitem__, reverse=self._descending)  # stable in both directions
        return shown

    def _update_row(self, row_id: Hashable, row: Row) -> bool:
        """Recompute sort key and filter. Returns True if the row is now shown, hidden, or may have moved."""
        moved = False
        if self._key is not None:
            key = self._key(row)
            moved = self._keys.get(row_id) != key
            self._keys[row_id] = key
        hidden = self._shows is not None and not self._shows(row)
        moved = moved or hidden != (row_id in self._hidden)
        (self._hidden.add if hidden else self._hidden.discard)(row_id)
        return moved


def runs(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending positions as inclusive ranges: 1, 2, 5 gives (1, 2), (5, 5)."""
    first = last = -2
    for position in positions:
        if position != last + 1:
            if last >= 0:
                yield first, last
            first = position
        last = position
    if last >= 0:
        yield first, last
