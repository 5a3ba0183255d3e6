"""One workload in several cache modes: what each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from PySide6.QtCore import QObject

from moonscope.model import CacheMode, Counters, FileFailure

from ...widgets import formats
from ...widgets.table import Column, TableModel

MEANINGS = {
    CacheMode.ON: "with the cache, and storing in it",
    CacheMode.EXIST: "with what is in the cache, storing nothing",
    CacheMode.OFF: "without the cache",
}


@dataclass(frozen=True)
class Spread:
    """Values of which one is typical: half of all lie between `low` and `high`."""

    low: float
    median: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None: there is no value."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0], 1) if values else None
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(low, middle, high, len(values))

    def overlaps(self, other: Spread) -> bool:
        """Whether a difference of the two may be noise."""
        return self.low <= other.high and other.low <= self.high

    def words(self, word: Callable[[float], str]) -> str:
        return f"{word(self.median)} (half of them {word(self.low)} \N{EN DASH} {word(self.high)})"


@dataclass(frozen=True)
class Finding:
    """What loading `files` files in each of `vms` fresh VMs took in one mode."""

    mode: CacheMode
    vms: int
    files: int
    private_bytes: int  # that one VM holds of the files, after a full collection
    shared_bytes: int  # held once for all of them
    load_us: Spread | None  # per file; None when no load was timed
    counters: Counters
    failed: int = 0  # loads, of `vms` times `files`
    failures: tuple[FileFailure, ...] = ()  # the first of them

    @property
    def total_bytes(self) -> int:
        return self.private_bytes * self.vms + self.shared_bytes


def _time(which: str) -> Callable[[Finding], float | None]:
    return lambda finding: getattr(finding.load_us, which) if finding.load_us else None


COLUMNS: tuple[Column[Finding], ...] = (
    Column("mode", "Mode", lambda f: f.mode.value, width=6, stretch=True, tip="Cache mode of the VMs",
           cell_tip=lambda f: MEANINGS[f.mode]),
    Column("private_bytes", "Per VM", lambda f: f.private_bytes, formats.size,
           "Bytes that one VM holds of the files, after a full collection", numeric=True, width=8),
    Column("shared_bytes", "Shared", lambda f: f.shared_bytes, formats.size, "Bytes held once for all VMs",
           numeric=True, width=8),
    Column("total_bytes", "All VMs", lambda f: f.total_bytes, formats.size, "Per VM for each of them, and shared once",
           numeric=True, width=8),
    Column("load_us", "Per load", _time("median"), formats.microseconds, "Median of the time from the call to the "
           "function, over the loads that were timed", numeric=True, width=8),
    Column("load_low_us", "¼", _time("low"), formats.microseconds, "A quarter of the loads was faster",
           numeric=True, width=8),
    Column("load_high_us", "¾", _time("high"), formats.microseconds, "A quarter of the loads was slower",
           numeric=True, width=8),
    Column("timed", "Timed", lambda f: f.load_us.count if f.load_us else 0, formats.count, "Loads whose time was told",
           numeric=True, width=5),
    Column("failed", "Failed", lambda f: f.failed, formats.count, "Loads that failed, and files that are not there",
           numeric=True, width=5, tone=lambda f: "error" if f.failed else "muted"),
    Column("hits", "Hits", lambda f: f.counters.hits, formats.count, numeric=True, width=5, rank=1),
    Column("misses", "Misses", lambda f: f.counters.misses, formats.count, numeric=True, width=5, rank=2),
    Column("bypasses", "Bypasses", lambda f: f.counters.bypasses, formats.count, numeric=True, width=5, rank=3),
)  # fmt: skip


class FindingsModel(TableModel[Finding]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)

    def row_id(self, row: Finding) -> Hashable:
        return row.mode
