"""What changed since when: rows and streams with the revision at which they last changed.

One writer records deltas (an `Update` whose revision is not looked at); any number of readers ask for what
is newer than the revision they know. Everything is bounded: a reader that is too far behind starts anew.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator, KeysView
from typing import Any, Generic

from msgspec.structs import replace

from ..model import Settings, Update
from ..model.tables import STREAMS, TABLES, K, R, Table
from .heap import fitted, weight

MAX_GONE = 20_000  # rows remembered as gone, per table


class TableLog(Generic[K, R]):
    """Rows by key, the least recently changed first. `get` and `keys` are for who records, the others take the lock of
    the change log."""

    def __init__(self, table: Table[K, R], max_gone: int) -> None:
        self._key = table.key
        self._max_gone = max_gone
        self._rows: dict[K, tuple[int, R]] = {}
        self._gone: deque[tuple[int, K]] = deque()  # some of them have come back
        self.forgotten = 0  # up to this revision it is not known any more what is gone

    def get(self, key: K) -> R | None:
        """The latest row with this key, None if there is none."""
        found = self._rows.get(key)
        return found[1] if found is not None else None

    def keys(self) -> KeysView[K]:
        """The keys of all rows."""
        return self._rows.keys()

    def record(self, revision: int, rows: Iterable[R], gone: Iterable[K]) -> None:
        """Store new and changed rows, and remove those whose keys are `gone`, under `revision`."""
        for key in gone:
            if self._rows.pop(key, None) is not None:
                self._gone.append((revision, key))
        for row in rows:
            key = self._key(row)
            self._rows.pop(key, None)
            self._rows[key] = (revision, row)
        self._rows = fitted(self._rows)
        while self._gone and (len(self._gone) > self._max_gone or self._gone[0][0] <= self.forgotten):
            self.forgotten, _ = self._gone.popleft()  # of a revision all are forgotten, or none

    def weight(self) -> int:
        """Bytes, about."""
        return weight(len(self._rows), (row for _, row in self._rows.values()))

    def rows(self, since: int) -> tuple[R, ...]:
        """The rows that are newer than revision `since`."""
        return _newer(self._rows.values(), since)

    def gone(self, since: int) -> tuple[K, ...]:
        """The keys removed after revision `since` and not added again."""
        found = dict.fromkeys(_newer(self._gone, since)) if since else ()
        return tuple(key for key in found if key not in self._rows)


class StreamLog(Generic[R]):
    """A ring of fixed size: the last items of a kind."""

    def __init__(self, size: int) -> None:
        self._items: deque[tuple[int, R]] = deque(maxlen=size)

    def record(self, revision: int, items: Iterable[R]) -> None:
        """Append `items` under `revision`."""
        self._items.extend(zip(itertools.repeat(revision), items))

    def weight(self) -> int:
        """Bytes, about."""
        return weight(len(self._items), (item for _, item in self._items), entries=64)

    def items(self, since: int) -> tuple[R, ...]:
        """The items that are newer than revision `since`."""
        return _newer(self._items, since)


def _newer(items: Any, since: int) -> tuple[Any, ...]:
    """Of (revision, item) pairs in the order of revisions, the items after `since`."""

    def from_the_end() -> Iterator[Any]:
        for revision, item in reversed(items):
            if revision <= since:
                return
            yield item

    return tuple(from_the_end())[::-1]


class ChangeLog:
    """All that an engine tells those who watch it."""

    def __init__(self, settings: Settings, *, max_gone: int = MAX_GONE) -> None:
        self._lock = threading.Lock()  # held by itself: a condition that is left without memory stays locked
        self._changed = threading.Condition(self._lock)
        self._revision = 1
        self._settings = (1, settings)
        self._tables: dict[Table[Any, Any], TableLog[Any, Any]] = {table: TableLog(table, max_gone) for table in TABLES}
        self._streams: dict[str, StreamLog[Any]] = {stream.name: StreamLog(stream.size) for stream in STREAMS}

    def table(self, table: Table[K, R]) -> TableLog[K, R]:
        """The rows as they were recorded last."""
        return self._tables[table]

    def record(self, delta: Update) -> None:
        """Everything in `delta` changed now. Wakes those who wait. One caller at a time."""
        with self._lock:
            self._revision = revision = self._revision + 1
            if delta.settings is not None:
                self._settings = (revision, delta.settings)
            for table, log in self._tables.items():
                log.record(revision, getattr(delta, table.name), getattr(delta, table.gone))
            for name, stream in self._streams.items():
                stream.record(revision, getattr(delta, name))
            self._changed.notify_all()

    def set(self, **settings: Any) -> None:
        """Settings are different from now on."""
        self.record(Update(revision=0, settings=replace(self.settings, **settings)))

    def changes(self, since: int) -> Update:
        """What is newer than `since`; all there is for 0, or (`reset`) for a revision too old or of another engine."""
        with self._lock:
            forgotten = max(log.forgotten for log in self._tables.values())
            reset = since != 0 and not forgotten <= since <= self._revision
            since = 0 if reset else since
            return Update(
                revision=self._revision,
                since=since,
                reset=reset,
                settings=self._settings[1] if self._settings[0] > since else None,
                **{table.name: log.rows(since) for table, log in self._tables.items()},
                **{table.gone: log.gone(since) for table, log in self._tables.items()},
                **{name: stream.items(since) for name, stream in self._streams.items()},
            )

    def wait(self, since: int, timeout: float) -> bool:
        """True as soon as a revision newer than `since` exists."""
        with self._lock:
            return self._changed.wait_for(lambda: self._revision > since, timeout)

    def weight(self) -> int:
        """Bytes that the rows take, about."""
        with self._lock:
            tables = sum(log.weight() for log in self._tables.values())
            return tables + sum(stream.weight() for stream in self._streams.values())

    @property
    def settings(self) -> Settings:
        """The settings that hold now."""
        return self._settings[1]
