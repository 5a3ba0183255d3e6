"""Which rows of a listing belong to which source line. There may be a million: nothing here goes through them one by
one."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt


class LineGroups:
    """Rows count from 0; a group are rows that follow each other and have one line."""

    def __init__(self, lines: array[int]) -> None:
        """`lines`: that of each row, 0 when it is unknown."""
        self._lines: npt.NDArray[np.int64] = np.array(lines, dtype=np.int64)
        self._starts = np.flatnonzero(self._lines[1:] != self._lines[:-1]) + 1  # of all groups but the first
        self._sorted = np.sort(np.concatenate((self._lines[:1], self._lines[self._starts])), kind="stable")
        self.last: int = int(self._lines.max(initial=0))

    def line_at(self, row: int) -> int:
        """0 when unknown."""
        return int(self._lines[row]) if 0 <= row < len(self._lines) else 0

    def rows_of(self, line: int) -> list[int]:
        """All of them, in whatever groups; none for line 0."""
        rows: list[int] = np.flatnonzero(self._lines == line).tolist() if line else []
        return rows

    def is_odd(self, row: int) -> bool:
        """Of groups that follow each other one is odd and the other is not."""
        return bool(np.searchsorted(self._starts, row, side="right") & 1)

    def has(self, line: int) -> bool:
        """Whether a line has rows."""
        at = np.searchsorted(self._sorted, line)
        return bool(at < len(self._sorted) and self._sorted[at] == line)
