"""The status bar: connection, totals, and the progress of long work."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar

from moonscope.model import Sample

from ..link.context import Context
from ..link.task import Task
from ..state import tiers
from ..widgets import formats, theme
from ..widgets.buttons import tool_button
from ..widgets.elided_label import ElidedLabel

_RATE_SECONDS = 2.0
_ELIDED = ("loads", "memory")  # segments that are cut when the window is narrow
_MEMORY_TIP = """Shared: held once for the process.
Private: all memory of all VMs.
Unshared: what the same VMs would hold without the cache.
The process takes more than shared and private: the C allocator rounds up, and the cache keeps records.
Saved: unshared less private less shared; negative when the cache costs memory."""
_VMS_TIP = "VMs that are not closed"
_FILES_TIP = """Files that a load finds in the cache.
The table also lists files of which VMs hold old code, and files that failed to load"""
_NOTE_MS = 8_000
_SHOW_AFTER_MS = 300  # work that ends sooner shows no progress


class Rates:
    """Loads per second over the last samples."""

    def __init__(self) -> None:
        self._recent: deque[Sample] = deque()

    def add(self, samples: Sequence[Sample]) -> None:
        self._recent.extend(samples)
        while len(self._recent) > 2 and self._recent[-1].time - self._recent[0].time > _RATE_SECONDS:
            self._recent.popleft()

    def of(self, counter: str) -> float:
        if len(self._recent) < 2:
            return 0.0
        first, last = self._recent[0], self._recent[-1]
        passed = last.time - first.time
        counted: int = getattr(last.counters, counter) - getattr(first.counters, counter)
        return max(0.0, counted / passed) if passed > 0 else 0.0

    def forget(self) -> None:
        self._recent.clear()


class StatusBar(QStatusBar):
    """Left: connection and totals. Right: a note for a moment, or the work under way with a way to cancel it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.window)
        self._state = context.state
        self._rates = Rates()
        self._connection = ("", "muted")  # as it is shown while the host answers
        self._shown_revision = -1  # state.vms_revision when the tiers were shown
        self._task: Task | None = None  # the one that is shown
        self._others = 0
        self.setSizeGripEnabled(False)
        self.connection = self._segment("connection", "The host process that runs the engine")
        self._vms = self._segment("vms", _VMS_TIP)
        self._files = self._segment("files", _FILES_TIP)
        self._loads = self._segment("loads", "Loads from the cache, loads that compiled, and how many a second")
        self._memory = self._segment("memory", _MEMORY_TIP)
        self._tier = self._segment("tier", "")
        self._dropped = self._segment("dropped", "Load events that the log lost because they came too fast")
        self.note = ElidedLabel()
        self.note.setObjectName("note")
        self.note.setContentsMargins(6, 0, 8, 0)
        self._progress = QProgressBar()
        self._progress.setFixedSize(120, 12)
        self._progress.setTextVisible(False)
        self._cancel = tool_button("Cancel")
        self._cancel.setObjectName("cancel")
        self._cancel.clicked.connect(self._cancel_work)
        for widget in (self.note, self._progress, self._cancel):
            self.addPermanentWidget(widget)
        self._show_after = QTimer(self, singleShot=True, interval=_SHOW_AFTER_MS)
        self._show_after.timeout.connect(self._show_work)
        self._fade = QTimer(self, singleShot=True, interval=_NOTE_MS)
        self._fade.timeout.connect(self.note.clear)
        theme.set_tone(self._dropped, "stale")
        self._show_work()
        context.link.answering.connect(self.show_answering)
        context.state.samples_added.connect(self.add_samples)
        context.state.updated.connect(self.refresh)
        context.noted.connect(self.show_note)
        context.tasks.changed.connect(lambda: self.show_tasks(context.tasks.running))

    # Connection and totals

    def show_connection(self, text: str, tone: str) -> None:
        self._connection = (text, tone)
        self._show_connection(text, tone)

    @Slot(bool)
    def show_answering(self, answering: bool) -> None:
        """Whether the host that is connected can be heard."""
        text, tone = self._connection
        if answering:
            self._show_connection(text, tone)
            self.show_note("The host answers again")
        else:
            self._show_connection(f"{text}: not answering", "danger")

    def _show_connection(self, text: str, tone: str) -> None:
        self.connection.setText(f"\N{BLACK CIRCLE} {text}")
        theme.set_tone(self.connection, tone)
        self.connection.show()

    def add_samples(self, samples: Sequence[Sample]) -> None:
        self._rates.add(samples)

    def forget(self) -> None:
        """Numbers of a host that is gone are not shown."""
        self._rates.forget()
        self._shown_revision = -1
        self.note.clear()
        for label in (self._vms, self._files, self._loads, self._memory, self._tier, self._dropped):
            label.clear()
            label.hide()

    def refresh(self) -> None:
        """Show the totals of the state."""
        state, sample = self._state, self._state.sample
        self._show_vms(sample)
        self._show_files(sample)
        if state.vms_revision != self._shown_revision:  # which looks at each of them
            self._shown_revision = state.vms_revision
            _show(self._tier, state.tiers and f"tier {state.tiers}")
            self._tier.setToolTip(formats.tip(tiers.in_force(state)))
        if sample is None:
            return
        counters = sample.counters
        hits = f"{formats.plural(counters.hits, 'hit')} ({formats.rate(self._rates.of('hits'))})"
        misses = f"{formats.plural(counters.misses, 'miss', 'misses')} ({formats.rate(self._rates.of('misses'))})"
        _show(self._loads, f"{hits}, {misses}")
        saved = sample.unshared_bytes - sample.private_bytes - sample.shared_bytes
        sizes = {
            "shared": sample.shared_bytes,
            "private": sample.private_bytes,
            "unshared": sample.unshared_bytes,
            "saved": saved,
        }
        _show(self._memory, ", ".join(f"{name} {formats.size(value)}" for name, value in sizes.items()))
        _show(self._dropped, formats.plural(sample.dropped, "event") + " dropped" if sample.dropped else "")

    def _show_vms(self, sample: Sample | None) -> None:
        text, tip = formats.plural(len(self._state.vms), "VM"), _VMS_TIP
        if sample is not None and sample.abandoned_vms:
            text += f", {sample.abandoned_vms:,} abandoned"
            held = formats.size(sample.abandoned_bytes)
            tip += f". Abandoned: could not be ended, and hold {held} until they return or the engine ends"
        _show(self._vms, text)
        self._vms.setToolTip(tip)

    def _show_files(self, sample: Sample | None) -> None:
        text, tip, settings = formats.plural(sample.files if sample else 0, "file"), _FILES_TIP, self._state.settings
        limits = formats.limits(settings.cache_bytes, settings.cache_files) if settings else ""
        if limits:
            evicted = sample.evicted if sample is not None else 0
            text += f", {evicted:,} evicted" if evicted else ""
            tip += f". The cache of each Lua stores {limits}; {formats.plural(evicted, 'file')} gave way to others"
        _show(self._files, text)
        self._files.setToolTip(tip)

    # Notes and work

    def show_note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setToolTip(formats.tip(text))
        self._fade.start()

    def show_tasks(self, tasks: Sequence[Task]) -> None:
        """The newest of the tasks under way is shown as soon as it takes a while; the others are counted."""
        self._task = tasks[-1] if tasks else None
        self._others = len(tasks) - 1
        if self._task is None:
            self._show_after.stop()
            self._show_work()
        elif self._progress.isVisible():
            self._show_work()
        elif not self._show_after.isActive():
            self._show_after.start()

    @Slot()
    def _show_work(self) -> None:
        task = self._task
        self._progress.setVisible(task is not None)
        self._cancel.setVisible(task is not None)
        if task is None:
            if not self._fade.isActive():
                self.note.clear()
            return
        self._progress.setMaximum(task.total)
        self._progress.setValue(task.done)
        self._cancel.setToolTip(formats.tip(f"Cancel: {task.title}"))
        count = f" {task.done:,} of {task.total:,}" if task.total > 1 else ""
        others = f" (and {self._others} more)" if self._others else ""
        self.note.setText(task.title + count + others)
        self.note.setToolTip(formats.tip(task.text))
        self._fade.stop()

    @Slot()
    def _cancel_work(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _segment(self, name: str, tip: str) -> QLabel:
        label = ElidedLabel() if name in _ELIDED else QLabel()
        label.setObjectName(name)
        label.setToolTip(tip)
        label.setContentsMargins(6, 0, 6, 0)
        label.hide()
        self.addWidget(label)
        return label


def _show(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
