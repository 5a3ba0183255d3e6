"""The memory of the process beyond what the caches count: what the C allocator keeps, and what the rows take."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable
from typing import TypeVar

import psutil

from .. import _native

TRIM_AFTER = 8 << 20  # bytes that were freed since the allocator gave pages back for the last time
TRIM_LEAST = 64 << 10  # so many of them are enough when no more are freed
EVERY = 2.0  # seconds between two trims, or two questions what is free, at least; no more than a hundredth of the time
ASK_ABOVE = 2 << 20  # bytes that nothing explains: less is not worth asking the allocator
ENTRIES = 3 * 104 + 2 * 56  # bytes per row: entries in three dictionaries, with tuples that are their keys or values
ROOMY, ROOMY_ENTRY = 4096, 512  # bytes of a dict, and per entry, above which it is mostly room; one that grows has 150
SHOWN = 3  # rows weighed of each kind

K = TypeVar("K")
V = TypeVar("V")


class Heap:
    """For one caller at a time."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._resident, self._free = self._look(), _native.heap_free()
        self._most = self._last = self._most_rows = 0
        self._freed_at = 0.0
        self._trim_due = self._ask_due = 0.0
        self._free_now = self._free

    def trim(self, counted: int) -> None:
        """So many bytes are counted now. Has the C allocator give pages back when much was freed: it takes its lock for
        that, so it is not done often. What was still held when it was done last may have kept many pages, so it is done
        again when nothing was freed for a while."""
        now = time.monotonic()
        if counted < self._last - TRIM_LEAST:
            self._freed_at = now
        self._last, self._most = counted, max(self._most, counted)
        freed = self._most - counted
        if freed < TRIM_LEAST or now < self._trim_due:
            return
        kept = self._look() - self._resident - counted
        is_over = now - self._freed_at >= EVERY
        if kept >= ASK_ABOVE and (is_over or freed >= min(TRIM_AFTER, kept // 8)):
            busy = time.thread_time()
            _native.heap_trim()
            self._most, self._trim_due = counted, _next_time(busy)
            self._ask_due = 0.0

    def kept(self, counted: int, rows: int) -> int:
        """Bytes that allocators keep for blocks to come: Python's at most what `rows` took once more than now, the C
        allocator's what it says (glibc); both only as far as the process grew by more than `counted`, so that data of a
        program of its own is not among them. What they kept before this was made is not either."""
        self._most_rows = max(self._most_rows, rows)
        unexplained = self._look() - self._resident - counted
        if unexplained < ASK_ABOVE:
            return 0
        if time.monotonic() >= self._ask_due:
            busy = time.thread_time()
            self._free_now = _native.heap_free()
            self._ask_due = _next_time(busy)
        return max(0, min(unexplained, self._most_rows - rows + self._free_now - self._free))

    def rss(self) -> int:
        """Resident bytes of the process."""
        return int(self._process.memory_info().rss)

    def _look(self) -> int:
        """Resident bytes of its own: without those of files."""
        memory = self._process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))


def _next_time(busy: float) -> float:
    """When what began at that CPU time may be done again."""
    return time.monotonic() + max(EVERY, 100 * (time.thread_time() - busy))


def fitted(table: dict[K, V]) -> dict[K, V]:
    """The same entries, in a new dict when most of the memory of this one is for entries that were removed."""
    return dict(table) if sys.getsizeof(table) > ROOMY + ROOMY_ENTRY * len(table) else table


def weight(count: int, rows: Iterable[object], entries: int = ENTRIES) -> int:
    """Bytes that so many rows take in this process, judged by the first; `entries` per row for what refers to it."""
    shown = list(itertools.islice(rows, SHOWN))
    return count * (entries + sum(map(_weigh, shown)) // len(shown)) if shown else 0


def _weigh(row: object) -> int:
    """A row with its own values: not those that many have in common."""
    fields = [getattr(row, name) for name in getattr(row, "__struct_fields__", ())]
    own = [field for field in fields if type(field) in (str, float) or (type(field) is int and field > 256)]
    nested = [field for field in fields if hasattr(field, "__struct_fields__")]
    return sys.getsizeof(row) + 16 + sum(map(sys.getsizeof, own)) + sum(map(_weigh, nested))
