"""The work of `moonscope run`: spawn, load, measure, clear, close; one engine, in this process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median

import psutil
from msgspec import Struct
from msgspec.structs import replace

from ..commands import Clear, Close, Collect, Command, Load, Spawn
from ..commands.command import R
from ..engine import Engine
from ..errors import CancelledError, MoonscopeError
from ..model import (
    NO_CONTEXT,
    Context,
    FileFailure,
    GenerationState,
    LoadEvent,
    Outcome,
    Sample,
    Sharing,
    Update,
    VMOptions,
)
from .report import Failure, RunReport
from .terminal import Stages

SAMPLED = 32  # VMs after the first that are measured one by one
PATIENCE = 1.0  # seconds until load events that do not come are given up


class Measured(Struct):
    """What was learned while loading, so that a report can be made at any moment."""

    files: int = 0
    failures: dict[str, str] = {}  # path → message
    first_us: float | None = None  # per file
    next_us: list[float] = []  # per file, one per sampled VM
    growth: int | None = None  # bytes that loading added to a VM
    plain_growth: int | None = None  # bytes that loading without the cache adds to a VM


class Workload:
    """Loads files in VMs of one engine. Ends early, without an error, when `cancelled` says so."""

    def __init__(self, engine: Engine, stages: Stages, cancelled: Callable[[], bool]) -> None:
        self._engine = engine
        self._stages = stages
        self._cancelled = cancelled
        self._measured = Measured()

    def run(self, paths: Sequence[str], count: int, options: VMOptions) -> RunReport:
        """Load every file in `count` VMs, then clear the cache, then close the VMs."""
        began = time.monotonic()
        interrupted = False
        try:
            self._measured.plain_growth = self._measure_plain_loading(tuple(paths), options)
            vms = self._spawn(count, options, f"spawning {count:,} VMs")
            self._load_and_measure(tuple(paths), vms)
        except CancelledError:
            interrupted = True
        self._engine.measure()
        full = self._engine.changes(0)
        sample = self._next_sample(full)
        current = [row for row in full.generations if row.state is GenerationState.CURRENT]
        rss = psutil.Process().memory_info().rss
        cleared, retained, freed = self._clear_and_close()
        found = self._measured
        return RunReport(
            lua=options.lua.value,
            release=self._engine.cache(options.lua).release,
            sharing=_common(row.tier.value for row in full.vms),
            sharing_why=self._why(options),
            tiers=dict(sorted(Counter(row.tier.value for row in current).items())),
            conflicts=sum(row.conflicts for row in full.vms),
            conflict_vms=sum(row.conflicts > 0 for row in full.vms),
            mode=_common(row.mode.value for row in full.vms),
            libraries=_common(row.libraries.value for row in full.vms if row.libraries is not None),
            files=found.files,
            prototypes=sum(row.prototypes for row in current),
            vms=len(full.vms),
            hits=sum(row.counters.hits for row in full.vms),
            misses=sum(row.counters.misses for row in full.vms),
            bypasses=sum(row.counters.bypasses for row in full.vms),
            races=sum(row.counters.races for row in full.vms),
            errors=sum(row.counters.errors for row in full.vms),
            evicted=sample.evicted,
            shared_bytes=sample.shared_bytes,
            private_bytes_per_vm=found.growth,
            unshared_bytes_per_vm=found.plain_growth,
            first_vm_us_per_file=_microseconds(found.first_us),
            next_vm_us_per_file=_microseconds(median(found.next_us) if found.next_us else None),
            overhead_bytes=sample.overhead_bytes,
            rss_bytes=rss,
            cleared_bytes=cleared,
            retained_bytes=retained,
            freed_after_close_bytes=freed,
            failures=tuple(Failure(path, message) for path, message in found.failures.items()),
            interrupted=interrupted,
            duration_s=round(time.monotonic() - began, 3),
        )

    def _why(self, options: VMOptions) -> str:
        library = self._engine.cache(options.lua).library
        return library.why if options.sharing is Sharing.AUTO else ""

    def _spawn(self, count: int, options: VMOptions, title: str | None = None) -> tuple[int, ...]:
        report = self._do(Spawn(count=count, options=options), title)
        if not report.vms:
            why = report.failures[0].message if report.failures else "the engine gave no reason"
            raise MoonscopeError(f"no VM could be spawned: {why}")
        self._note(report.failures)
        return report.vms

    def _measure_plain_loading(self, paths: tuple[str, ...], options: VMOptions) -> int:
        """Bytes the files take in a VM that knows no cache; the VM is closed again."""
        vm = self._spawn(1, replace(options, sharing=Sharing.OFF))
        try:
            before = self._memory(vm)
            self._load(paths, vm, "loading without the cache, to compare")
            return self._memory(vm)[vm[0]] - before[vm[0]]
        finally:
            self._engine.perform(Close(vms=vm))

    def _load_and_measure(self, paths: tuple[str, ...], vms: tuple[int, ...]) -> None:
        first, sample, rest = vms[:1], vms[1 : 1 + SAMPLED], vms[1 + SAMPLED :]
        grown = sample or first  # what a *further* VM needs, where there is one
        before = self._memory(grown)
        self._measured.first_us = self._load_in_one(paths, first[0], "loading in the first VM")
        advance = self._stages.stage(f"loading in {len(sample)} more VMs, one by one", len(sample))
        for done, vm in enumerate(sample):
            us = self._load_in_one(paths, vm)
            if us is not None:
                self._measured.next_us.append(us)
            advance(done + 1, len(sample), "")
        after = self._memory(grown)
        self._measured.growth = round(median(after[vm] - before[vm] for vm in grown))
        if rest:
            self._load(paths, rest, f"loading in {len(rest):,} more VMs")

    def _load_in_one(self, paths: tuple[str, ...], vm: int, title: str | None = None) -> float | None:
        """µs per file that loaded, as the VM itself measured them; None when none did."""
        seen = self._engine.changes(0).revision
        tried = self._load(paths, (vm,), title)
        events: list[LoadEvent] = []
        while len(events) < tried:
            self._engine.wait(seen, PATIENCE)
            update = self._engine.changes(seen)
            seen = update.revision
            events += [event for event in update.loads if event.vm == vm]
            if not update.loads:  # the rest was dropped, the ring is of fixed size: an average needs not all
                break
        loaded = [event.duration_us for event in events if event.outcome is not Outcome.ERROR]
        return sum(loaded) / len(loaded) if loaded else None

    def _load(self, paths: tuple[str, ...], vms: tuple[int, ...], title: str | None = None) -> int:
        """Returns how many loads were tried."""
        report = self._do(Load(paths=paths, vms=vms), title)
        self._measured.files = max(self._measured.files, report.files)
        self._note(report.failures)
        return report.files * report.vms

    def _note(self, failures: Iterable[FileFailure]) -> None:
        for failure in failures:
            self._measured.failures.setdefault(failure.path, failure.message)

    def _memory(self, vms: tuple[int, ...]) -> dict[int, int]:
        """Bytes each VM holds after a full collection."""
        self._do(Collect(vms=vms))
        return {row.id: row.memory for row in self._engine.changes(0).vms if row.id in vms}

    def _clear_and_close(self) -> tuple[int, int, int]:
        """Bytes returned by clearing with all VMs alive, bytes kept by then, bytes returned by closing the VMs."""
        cleared = self._engine.perform(Clear()).freed_bytes
        retained = _retained(self._engine.changes(0))
        self._engine.perform(Close(), Context(self._stages.stage("closing the VMs")))
        return cleared, retained, retained - _retained(self._engine.changes(0))

    def _next_sample(self, update: Update) -> Sample:
        """The first one after `update`; the sampler takes one every fraction of a second."""
        revision = update.revision
        while True:
            update = self._engine.changes(revision)
            if update.samples:
                return update.samples[-1]
            revision = update.revision
            self._engine.wait(revision, PATIENCE)

    def _do(self, command: Command[R], title: str | None = None) -> R:
        progress = self._stages.stage(title) if title else NO_CONTEXT.progress
        return self._engine.perform(command, Context(progress, self._cancelled))


def _retained(update: Update) -> int:
    """Shared bytes of generations that only their holders keep."""
    return sum(row.shared_bytes for row in update.generations if row.state is GenerationState.RETIRED)


def _common(values: Iterable[str]) -> str:
    """What all VMs have; "" for none."""
    return ", ".join(sorted(set(values)))


def _microseconds(us: float | None) -> float | None:
    return None if us is None else round(us, 3)
