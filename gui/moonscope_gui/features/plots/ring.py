"""A table of the latest rows in memory of fixed size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


class Ring:
    """The latest `capacity` rows of `width` numbers, oldest first.

    Each row is written twice, `capacity` rows apart, so that the rows held always lie side by side in memory
    and reading them copies nothing.
    """

    def __init__(self, capacity: int, width: int) -> None:
        if capacity < 1 or width < 1:
            raise ValueError(f"a ring needs room for at least one row of one number, not {capacity} × {width}")
        self._capacity = capacity
        self._table: Rows = np.empty((2 * capacity, width))
        self._written = 0

    @property
    def written(self) -> int:
        """Rows ever written since the last `clear`; the serial number of the next one."""
        return self._written

    @property
    def overflowed(self) -> bool:
        """True once rows have been pushed out."""
        return self._written > self._capacity

    def __len__(self) -> int:
        return min(self._written, self._capacity)

    def append(self, row: npt.ArrayLike) -> None:
        place = self._written % self._capacity
        self._table[place] = self._table[place + self._capacity] = row
        self._written += 1

    def rows(self) -> Rows:
        """A read-only view of shape (len, width); valid until the next `append`."""
        end = self._written if not self.overflowed else self._capacity + self._written % self._capacity
        view = self._table[end - len(self) : end]
        view.flags.writeable = False
        return view

    def clear(self) -> None:
        self._written = 0
