"""All samples of a run in a table of fixed size: whenever it is full, its resolution is halved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .ring import Rows


def merge(rows: Rows, group: int, first: int = 0) -> Rows:
    """One row for each `group` rows: the latest time and totals, the peak of each gauge, a gap where one is a gap.

    All of this is the maximum of a column, since times and totals only grow and NaN wins. `first` is the serial
    number of the first row; groups begin at its multiples, so that they stay the same while rows arrive.
    """
    if group <= 1 or not len(rows):
        return rows
    starts = np.arange(-first % group, len(rows), group)
    if not len(starts) or starts[0] != 0:
        starts = np.concatenate(([0], starts))
    merged: Rows = np.maximum.reduceat(rows, starts, axis=0)
    return merged


class Archive:
    """All rows since the last `clear`, merged to at most `capacity` (an even number)."""

    def __init__(self, capacity: int, width: int) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"an archive needs room for an even number of rows, not {capacity}")
        self._table: Rows = np.empty((capacity, width))
        self.clear()

    def clear(self) -> None:
        self._complete = 0  # rows that are merged of `stride` rows
        self._stride = 1
        self._in_last = 0  # rows merged so far into the row after them

    @property
    def stride(self) -> int:
        """How many rows were merged into each row kept."""
        return self._stride

    def append(self, row: npt.ArrayLike) -> None:
        last = self._table[self._complete]
        last[:] = np.maximum(last, row) if self._in_last else row
        self._in_last += 1
        if self._in_last == self._stride:
            self._complete += 1
            self._in_last = 0
        if self._complete == len(self._table):
            self._halve()

    def rows(self) -> Rows:
        """A read-only view, oldest first; valid until the next `append`."""
        view = self._table[: self._complete + (1 if self._in_last else 0)]
        view.flags.writeable = False
        return view

    def _halve(self) -> None:
        self._complete //= 2
        self._table[: self._complete] = merge(self._table, 2)
        self._stride *= 2
