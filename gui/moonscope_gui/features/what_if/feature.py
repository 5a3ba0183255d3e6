"""What the cache buys: the cached files, loaded into fresh VMs in one mode after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, Slot

from moonscope.commands import Close, Load, RunChunk, Spawn
from moonscope.errors import CancelledError, MoonscopeError
from moonscope.model import (
    CacheMode,
    Counters,
    GenerationRow,
    LoadReport,
    LuaVersion,
    Outcome,
    RunResult,
    Tier,
    Update,
    VMOptions,
)

from ...link.context import Context
from ...link.task import Steps, Task, ask
from ...state.engine_state import FileId
from ...widgets import formats
from ...widgets.records import write_records
from ..feature import Feature
from .model import Finding, Spread

if TYPE_CHECKING:
    from .dialog import WhatIfDialog

_MEASURE = "collectgarbage() collectgarbage() return collectgarbage('count') * 1024"  # bytes, in all Luas
_STEPS = 4  # of each mode
_UPDATE_TIMEOUT_MS = 3_000  # for counts, times and bytes, which come with updates; these may be paused
_NAMED = 20  # failures that are listed


class WhatIfFeature(Feature):
    """Measures in fresh VMs what each cache mode costs and saves."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._task: Task | None = None
        self._dialog: WhatIfDialog | None = None
        self._vms: frozenset[int] = frozenset()  # those of the mode that is measured now
        self._durations: list[float] = []  # of their loads, in µs
        context.link.updated.connect(self._collect_durations)
        context.link.lost.connect(self.cancel)
        self.offer("what-if", "&What Would the Cache Buy?…",
                   "Load the cached files into fresh VMs in every cache mode, and compare memory and time", self.open,
                   {"&Engine": 110}, icon="plot", usable=lambda: bool(context.state.files))  # fmt: skip

    def open(self) -> None:
        """Offer the measurement."""
        if self._task is not None:
            self._context.note("The measurement that was cancelled is still closing its VMs")
            return
        from .dialog import WhatIfDialog

        files = Counter(row.lua for row in self._context.state.files.values() if row.generation)
        self._dialog = WhatIfDialog(files, self._start, self.cancel, self._save, self._context.window)
        self._dialog.finished.connect(self._forget_dialog)
        self._dialog.open()

    @Slot()
    def cancel(self) -> None:
        """Stop as soon as possible; the VMs are closed in any case."""
        if self._task is not None:
            self._task.cancel()

    @Slot()
    def _forget_dialog(self) -> None:
        self._dialog = None

    # Measuring

    def _start(self, lua: LuaVersion, vms: int) -> None:
        rows = [row for row in self._context.state.files.values() if row.lua is lua and row.generation]
        paths = tuple(row.key for row in rows)
        steps = self._steps(lua, vms, paths)
        self._task = self._context.tasks.start("What would the cache buy?", steps, self._done, self._failed)

    def _steps(self, lua: LuaVersion, count: int, paths: tuple[str, ...]) -> Steps[None]:
        for place, mode in enumerate(CacheMode):
            self._show_step(place, 0, f"{mode}: spawning {formats.plural(count, 'VM')}")
            spawn = Spawn(count=count, options=VMOptions(lua=lua, mode=mode))
            vms = (yield from ask(spawn, whole=True)).vms
            self._vms, self._durations = frozenset(vms), []
            try:
                yield from self._measure(place, mode, vms, [(lua, path) for path in paths])
            except Exception:  # whatever the error, close the VMs
                yield from ask(Close(vms=vms), whole=True)
                raise
            yield from ask(Close(vms=vms), whole=True)

    def _measure(self, place: int, mode: CacheMode, vms: tuple[int, ...], files: Sequence[FileId]) -> Steps[None]:
        """Measure one mode, and add the result to the dialog."""
        self._show_step(place, 1, f"{mode}: measuring the fresh VMs")
        before = yield from ask(RunChunk(vms=vms, source=_MEASURE))
        self._show_step(place, 2, f"{mode}: loading {formats.plural(len(files), 'file')}")
        report = yield from ask(Load(paths=tuple(key for _, key in files), vms=vms))
        self._show_step(place, 3, f"{mode}: measuring the VMs with the files in them")
        after = yield from ask(RunChunk(vms=vms, source=_MEASURE))
        waited = QElapsedTimer()
        waited.start()
        missing = {failure.path for failure in report.failures}
        loads = [file for file in files if file[1] not in missing]

        def arrived() -> bool:
            return self._counted(vms) >= report.loaded and self._measured(self._generations(loads))

        yield lambda: arrived() or waited.hasExpired(_UPDATE_TIMEOUT_MS)
        grown = round(_bytes(after) - _bytes(before))
        rows = self._generations(loads)
        finding = Finding(
            mode=mode,
            vms=len(vms),
            files=len(files),
            private_bytes=_plain_bytes(rows, grown) if mode is CacheMode.OFF else grown,
            shared_bytes=0 if mode is CacheMode.OFF else self._shared(rows),
            load_us=Spread.of(self._durations),
            counters=_total([self._counters(vm) for vm in vms]),
            failed=_failed_loads(report, len(vms)),
            failures=report.failures[:_NAMED],
        )
        if self._dialog is not None:
            self._dialog.add(finding)

    def _counters(self, vm: int) -> Counters:
        row = self._context.state.vms.get(vm)
        return row.counters if row is not None else Counters()

    def _counted(self, vms: Iterable[int]) -> int:
        """The number of loads that did not fail."""
        counters = [self._counters(vm) for vm in vms]
        return sum(each.loads - each.errors for each in counters)

    def _shared(self, rows: Iterable[GenerationRow]) -> int:
        """Bytes held once for these files and the strings they have in common, as the status bar counts them."""
        state, chosen = self._context.state, {row.id for row in rows}
        others = sum(row.shared_bytes for row in state.generations.values() if row.id not in chosen)
        return state.sample.shared_bytes - others if state.sample is not None else 0

    def _measured(self, rows: Sequence[GenerationRow]) -> bool:
        """The sampler measures new generations a portion at a time; its next sample counts them."""
        return all(row.unshared_bytes for row in rows) and self._shared(rows) >= sum(row.shared_bytes for row in rows)

    def _generations(self, files: Iterable[FileId]) -> list[GenerationRow]:
        state = self._context.state
        rows = (state.generations.get(state.files[file].generation or 0) for file in files if file in state.files)
        return [row for row in rows if row is not None]

    @Slot(object)
    def _collect_durations(self, update: Update) -> None:
        loads = (event for event in update.loads if event.vm in self._vms and event.outcome is not Outcome.ERROR)
        self._durations += [event.duration_us for event in loads]

    # The dialog

    def _show_step(self, place: int, step: int, words: str) -> None:
        if self._dialog is not None:
            self._dialog.show_step(place * _STEPS + step, len(CacheMode) * _STEPS, f"{words} …")

    def _done(self, _: None) -> None:
        findings = {finding.mode: finding for finding in self._dialog.findings} if self._dialog else {}
        self._end(verdict(findings[CacheMode.ON], findings[CacheMode.OFF]) if findings else "")

    def _failed(self, error: MoonscopeError) -> None:
        self._end("Cancelled." if isinstance(error, CancelledError) else f"It could not be measured: {error}")

    def _end(self, words: str) -> None:
        self._task, self._vms = None, frozenset()
        if self._dialog is not None:
            self._dialog.end(words)

    def _save(self, path: Path) -> None:
        assert self._dialog is not None
        titles = [column.key for column in self._dialog.model.columns]
        try:
            if path.suffix.lower() != ".png":
                write_records(path, titles, self._dialog.model.records())
            elif not self._dialog.chart.grab().save(str(path)):
                raise OSError("it is no place for a picture, or cannot be written to")
        except OSError as error:
            self._dialog.words.setText(f"{path} was not written: {error.strerror or error}.")
        else:
            self._dialog.words.setText(f"Written to {path}.")


def _bytes(results: Sequence[RunResult]) -> float:
    """The median of the answers of the VMs; 0 if there is none."""
    found = [float(result.values[0]) for result in results if result.failure is None and result.values]
    return median(found) if found else 0.0


def _total(counters: Sequence[Counters]) -> Counters:
    return Counters(*(sum(getattr(each, name) for each in counters) for name in Counters.__struct_fields__))


def _plain_bytes(rows: Sequence[GenerationRow], grown: int) -> int:
    """Bytes that one VM holds of these files without the cache; `grown` is by how much a VM with mode off grew.

    With tier direct, a VM uses the interned strings of the cache even if its mode is off, so `grown` is too small.
    There the engine's measurement of each file, made in a separate Lua state, is used.
    """
    if any(row.tier is Tier.DIRECT for row in rows) and all(row.unshared_bytes for row in rows):
        return sum(row.unshared_bytes for row in rows)
    return grown


def _failed_loads(report: LoadReport, vms: int) -> int:
    """Of all files in all VMs; a file that is not there fails in each."""
    missing = sum(not failure.vm for failure in report.failures)
    return report.failed + missing * (vms - 1)


def verdict(on: Finding, off: Finding) -> str:
    """What the cache buys, in a sentence."""
    saved = off.total_bytes - on.total_bytes
    memory = f"{formats.size(abs(saved))} {'less' if saved >= 0 else 'more'} memory"
    words = f"With the cache, {formats.plural(on.vms, 'VM')} hold {on.files:,} files in {memory}"
    if on.load_us and off.load_us:
        times = [each.words(formats.microseconds) for each in (on.load_us, off.load_us)]
        words += f", and load each in {times[0]} instead of {times[1]}"
        if on.load_us.overlaps(off.load_us):
            words += ": within the noise"
    return f"{words}."
