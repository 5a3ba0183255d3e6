"""The sampler: reads the C part and the VMs a few times a second and records what changed."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from msgspec.structs import replace

from ..cache.code_cache import CodeCache
from ..cache.native_rows import load_events
from ..model import Counters, LoadEvent, LuaVersion, Mark, OutputEvent, Sample, Update
from ..vms.mailbox import Actor
from .change_log import ChangeLog
from .disk import Disk
from .heap import Heap
from .row_diff import RowDiff

DRAIN = 4_096  # load events taken per cache and reading; more are dropped (and counted) by the ring
PIECE, PIECES = 8_192, 8  # characters of one output event, and events made of one portion of output
SLOW_EVERY = 8  # ticks of the sampler between two looks at the disk

_SUMMED = ("retained_bytes", "unshared_bytes", "files", "dropped", "lowered")  # in a sample as in the totals
_RETRY = 0.05  # seconds after memory ran out

log = logging.getLogger("moonscope.telemetry")


class Recorder:
    """Writes the change log: rows by comparison, streams as they come. Methods may be called from any thread."""

    def __init__(
        self,
        log: ChangeLog,
        caches: Callable[[], list[CodeCache]],
        actors: Callable[[], list[tuple[Actor, bool]]],  # as in `VMPool.take_touched`
        everybody: Callable[[], list[Actor]],
        abandoned: Callable[[], list[Actor]],
    ) -> None:
        self._log = log
        self._caches = caches
        self._actors = actors
        self._everybody = everybody
        self._abandoned = abandoned
        self._whole = False  # the next reading is of all rows
        self._disk = Disk()
        self._rows = RowDiff(log, self._disk)
        self._heap = Heap()
        self._reading = threading.Lock()  # one reading at a time; never held by those who read the log
        self._measuring = threading.Lock()
        self._events = threading.Lock()
        self._serials = itertools.count(1)
        self._load_serials = itertools.count(1)
        self._output: list[OutputEvent] = []
        self._marks: list[Mark] = []
        self._evicted = 0

    def mark(self, kind: str, text: str) -> None:
        """Something worth a line on the time axis (kinds: `model.Mark`)."""
        with self._events:
            self._marks.append(Mark(serial=next(self._serials), time=time.time(), kind=kind, text=text))

    def mark_failures(self, failures: Sequence[tuple[int, str]]) -> None:
        """One mark for a command, however many VMs (with what went wrong in each) failed."""
        if failures:
            vm, message = failures[0]
            others = f" (and {len(failures) - 1} other VMs)" if len(failures) > 1 else ""
            self.mark("failure", f"VM {vm}{others}: {message.splitlines()[0] if message else ''}")

    def printed(self, vm: int, text: str) -> None:
        """For `vm.Listener`. Of a flood the beginning is kept, with a note."""
        pieces = [text[start : start + PIECE] for start in range(0, min(len(text), PIECE * PIECES), PIECE)]
        if len(text) > PIECE * PIECES:
            pieces.append(f"\n[{len(text) - PIECE * PIECES:,} more characters]\n")
        with self._events:
            for piece in pieces:
                event = OutputEvent(serial=next(self._serials), time=time.time(), vm=vm, text=piece)
                self._output.append(event)

    def exited(self, vm: int, code: int) -> None:
        """For `vm.Listener`."""
        self.mark("exit", f"VM {vm} called os.exit with code {code}")

    def read(self, *, sample: bool = False) -> None:
        """Record what changed since the last reading."""
        with self._reading:
            whole, self._whole = self._whole, True  # what a reading took is lost when it fails
            self._record(whole, sample)
            self._whole = False

    def _record(self, whole: bool, sample: bool) -> None:
        caches = self._caches()
        rows = self._all_rows(caches) if whole else self._rows.changes(caches, self._actors())
        with self._events:
            output, self._output = self._output, []
            marks, self._marks = self._marks, []
        delta = replace(
            rows,
            loads=tuple(self._drain(caches)),
            output=tuple(output),
            marks=tuple(marks),
            samples=(self._sample(caches),) if sample else (),
        )
        if any(getattr(delta, name) for name in delta.__struct_fields__ if name != "revision"):
            self._log.record(delta)

    def _all_rows(self, caches: list[CodeCache]) -> Update:
        """What a reading took that failed is lost: everything is read anew."""
        self._actors()
        actors = [(actor, True) for actor in self._everybody()] + [(actor, False) for actor in self._abandoned()]
        with self._measuring:
            return self._rows.all_rows(caches, actors)

    def waiting(self) -> set[LuaVersion]:
        """The Luas whose shared strings cannot be freed before each VM has told which of them it refers to."""
        return {cache.lua for cache in self._caches() if cache.native.words_wait()}

    def measure(self) -> bool:
        """Have the next reading tell what new generations take; False: some are left for the next time."""
        with self._measuring:
            return self._rows.measure(self._caches())

    def look_at_disk(self) -> None:
        """Find stale files and aliases; the next reading tells."""
        with self._reading:
            self._disk.look()

    def _drain(self, caches: list[CodeCache]) -> list[LoadEvent]:
        events = [(cache.lua, event) for cache in caches for event in cache.native.drain(DRAIN)]
        if len(caches) > 1:
            events.sort(key=lambda found: found[1].time)
        return load_events(events, self._load_serials)

    def _sample(self, caches: list[CodeCache]) -> Sample:
        totals = [cache.native.totals() for cache in caches]

        def total(field: str) -> int:
            return sum(getattr(each, field) for each in totals)

        evicted = total("evicted")
        if evicted > self._evicted:
            self.mark("evict", f"{evicted - self._evicted:,} files, by the limit of the cache")
        self._evicted = evicted
        abandoned = self._abandoned()
        rows = self._log.weight()
        shared, private, overhead = total("shared_bytes"), total("private_bytes"), total("overhead_bytes") + rows
        counted = shared + private + overhead
        self._heap.trim(counted)
        return Sample(
            time=time.time(),
            shared_bytes=shared,
            private_bytes=private,
            overhead_bytes=overhead + self._heap.kept(counted, rows),
            vms=total("vms") - len(abandoned),
            counters=Counters(**{field: total(field) for field in Counters.__struct_fields__}),
            rss_bytes=self._heap.rss(),
            evicted=evicted,
            abandoned_vms=len(abandoned),
            abandoned_bytes=sum(actor.vm.memory for actor in abandoned if actor.vm is not None),
            **{field: total(field) for field in _SUMMED},
        )


class Sampler:
    """A thread: `tick` every `interval` seconds, `slow` every few ticks. A failure is logged, not fatal.

    Raises RuntimeError when the thread cannot be started.
    """

    def __init__(self, interval: float, tick: Callable[[], None], slow: Callable[[], None]) -> None:
        self._interval = interval
        self._tick = tick
        self._slow = slow
        self._last: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="moonscope-sampler", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End the thread when the tick it is in is over; wait for that at most `timeout` seconds."""
        self._last.put(None)
        self._thread.join(timeout)

    def end_with(self, last: Callable[[], object]) -> None:
        """Have the thread do this as the last thing. For finalizers: takes no lock, does not wait."""
        self._last.put(last)

    def _run(self) -> None:
        due, count = time.monotonic(), 0
        while True:
            try:
                due += self._interval
                self._read(count)
                count += 1
                now = time.monotonic()
                due = max(due, now + self._interval / 4)  # a reading that took long delays the next ones
                last = self._last.get(timeout=due - now)
            except Empty:
                continue
            except MemoryError:  # it passes
                time.sleep(_RETRY)
                continue
            if last is not None:
                last()
            return

    def _read(self, count: int) -> None:
        try:
            if count % SLOW_EVERY == 0:
                self._slow()
            self._tick()
        except Exception:
            log.exception("a reading of the engine failed; the next one is tried")
