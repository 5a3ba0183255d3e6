"""One workload in several cache modes: what each of them takes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from PySide6.QtCore import QObject

from moonscope.model import CacheMode, Counters

from . import formats
from .table import Column, TableModel

MEANINGS = {
    CacheMode.ON: "with the cache, and storing in it",
    CacheMode.EXIST: "with what is in the cache, storing nothing",
    CacheMode.OFF: "without the cache",
}


@dataclass(frozen=True)
class Finding:
    """What loading `files` files in each of `vms` fresh VMs took in one mode."""

    mode: CacheMode
    vms: int
    files: int
    private_bytes: int  # that one VM grew by, after a full collection
    shared_bytes: int  # held once for all of them
    load_us: float | None  # per file; None when no load was timed
    counters: Counters

    @property
    def total_bytes(self) -> int:
        return self.private_bytes * self.vms + self.shared_bytes


COLUMNS: tuple[Column[Finding], ...] = (
    Column("mode", "Mode", lambda f: f.mode.value, width=6, stretch=True, tip="Cache mode of the VMs",
           cell_tip=lambda f: MEANINGS[f.mode]),
    Column("private_bytes", "Per VM", lambda f: f.private_bytes, formats.size,
           "Bytes that one VM grew by, after a full collection", numeric=True, width=8),
    Column("shared_bytes", "Shared", lambda f: f.shared_bytes, formats.size, "Bytes held once for all VMs",
           numeric=True, width=8),
    Column("total_bytes", "All VMs", lambda f: f.total_bytes, formats.size, "Per VM for each of them, and shared once",
           numeric=True, width=8),
    Column("load_us", "Load per file", lambda f: f.load_us, formats.microseconds, "Mean of all loads", numeric=True,
           width=8),
    Column("hits", "Hits", lambda f: f.counters.hits, formats.count, numeric=True, width=5),
    Column("misses", "Misses", lambda f: f.counters.misses, formats.count, numeric=True, width=5),
    Column("bypasses", "Bypasses", lambda f: f.counters.bypasses, formats.count, numeric=True, width=5),
    Column("errors", "Errors", lambda f: f.counters.errors, formats.count, numeric=True, width=5),
)  # fmt: skip


class FindingsModel(TableModel[Finding]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)

    def row_id(self, row: Finding) -> Hashable:
        return row.mode
