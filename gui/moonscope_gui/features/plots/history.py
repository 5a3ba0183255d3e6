"""The history of samples, as rows of numbers."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from moonscope.model import Sample

from .archive import Archive, merge
from .ring import Ring, Rows


class Column(IntEnum):
    """The columns of a row. Counters are running totals, as the sampler reads them."""

    TIME = 0
    SHARED = 1
    RETAINED = 2
    PRIVATE = 3
    UNSHARED = 4
    VMS = 5
    HITS = 6
    MISSES = 7
    BYPASSES = 8
    RACES = 9
    ERRORS = 10
    RSS = 11
    OVERHEAD = 12


COUNTERS = slice(Column.HITS, Column.ERRORS + 1)
_WIDTH = len(Column)
_CLOCK_SLACK = 1.0  # seconds a sample may lie before the last one without meaning that the clock was set back


def row_of(sample: Sample) -> tuple[float, ...]:
    counters = sample.counters
    return (
        sample.time, sample.shared_bytes, sample.retained_bytes, sample.private_bytes, sample.unshared_bytes,
        sample.vms, counters.hits, counters.misses, counters.bypasses, counters.races, counters.errors,
        sample.rss_bytes, sample.overhead_bytes,
    )  # fmt: skip


def rates(rows: Rows) -> Rows:
    """Loads per second by outcome, shape (len, 5), between each row and the one before.

    NaN where that is not known: for the first row, beside gaps, and where totals fell (another engine).
    """
    result: Rows = np.full((len(rows), COUNTERS.stop - COUNTERS.start), np.nan)
    if len(rows) > 1:
        seconds = np.diff(rows[:, Column.TIME])
        steps = np.diff(rows[:, COUNTERS], axis=0)
        steps[steps < 0] = np.nan
        result[1:] = steps / seconds[:, None]
    return result


class History:
    """Samples by time, in memory of fixed size: the recent ones as they came, and the whole run at lower resolution."""

    def __init__(self, recent: int = 16_384, archive: int = 8_192) -> None:
        self._recent = Ring(recent, _WIDTH)
        self._archive = Archive(archive, _WIDTH)
        self._first_time = np.nan

    def clear(self) -> None:
        self._recent.clear()
        self._archive.clear()

    def __len__(self) -> int:
        """The number of rows kept as they came, gaps included."""
        return len(self._recent)

    @property
    def first_time(self) -> float:
        """When the run began, in seconds since the epoch; NaN when there is nothing."""
        return self._first_time if len(self) else np.nan

    @property
    def last_time(self) -> float:
        return float(self._recent.rows()[-1, Column.TIME]) if len(self) else np.nan

    def add(self, sample: Sample) -> None:
        """Record a sample. One that is not newer than the last is a repetition and left out."""
        if sample.time <= self.last_time - _CLOCK_SLACK:
            self.clear()  # the clock was set back: times would no longer be in order
        if not sample.time <= self.last_time:
            self._append(np.array(row_of(sample), dtype=np.float64))

    def add_gap(self) -> None:
        """Break the lines here: the source of samples is gone."""
        if len(self) and not np.isnan(self._recent.rows()[-1, Column.VMS]):
            row = np.full(_WIDTH, np.nan)
            row[Column.TIME] = np.nextafter(self.last_time, np.inf)
            self._append(row)

    def rows(self, start: float = -np.inf, end: float = np.inf, limit: int = 1_000) -> Rows:
        """The rows from `start` to `end` (times), merged to about `limit`.

        Includes one row before and one after, so that lines reach the edges.
        """
        rows, first = self._source(start)
        low = max(int(np.searchsorted(rows[:, Column.TIME], start)) - 1, 0)
        high = int(np.searchsorted(rows[:, Column.TIME], end, side="right")) + 1
        chosen = rows[low:high]
        # A power of two changes only when the span doubles, not with every sample.
        group = 1 << max(int(np.ceil(np.log2(max(len(chosen), 1) / limit))), 0)
        return merge(chosen, group, first + low)

    def _source(self, start: float) -> tuple[Rows, int]:
        """Rows that reach back to `start`, and the serial number of their first."""
        recent = self._recent.rows()
        if not self._recent.overflowed or recent[0, Column.TIME] <= start:
            return recent, self._recent.written - len(recent)
        return self._archive.rows(), 0

    def _append(self, row: Rows) -> None:
        if not len(self):
            self._first_time = float(row[Column.TIME])
        self._recent.append(row)
        self._archive.append(row)
