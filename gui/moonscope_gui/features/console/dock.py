"""The console: Lua in the selected VMs, with what it prints and returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from moonscope.model import LuaFailure, OutputEvent, RunResult

from ...widgets import formats, icons
from ...widgets.buttons import tool_button
from ...widgets.history_edit import HistoryEdit
from ...widgets.layouts import stack
from ...widgets.toned_text import TonedText

SCROLLBACK = 5_000  # lines
_AT_ONCE = 200  # results or lines of output that are written at once; the rest is counted
_NO_TARGET = "Select a VM to run Lua in it."


class ConsoleDock(QWidget):
    """Knows nothing of the engine: it emits what to run and is told what came of it."""

    submitted = Signal(str)
    interrupt_wanted = Signal()

    def __init__(self, history: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._target: Sequence[int] = ()
        self._runs: Counter[int] = Counter()  # runs of the console under way, per VM
        self._live: dict[int, str] = {}  # what events said that these VMs printed, less what results accounted for
        self._owed: dict[int, str] = {}  # output that results brought first; its events are still to come
        self.output = TonedText(SCROLLBACK, "Output of all VMs and results of what you run appear here.")
        self.input = HistoryEdit(history)
        self.input.setPlaceholderText("Lua: an expression or statements. Enter runs, Shift+Enter starts a new line")
        self.input.submitted.connect(self.submitted)
        self._prompt = QLabel(_NO_TARGET)
        self.stop = tool_button("Interrupt", "Interrupt what the console runs")
        self.stop.setIcon(icons.icon("interrupt"))
        self.stop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.stop.setEnabled(False)
        self.stop.clicked.connect(self.interrupt_wanted)
        clear = tool_button("Clear output")
        clear.clicked.connect(self.output.clear)
        line = QHBoxLayout()
        line.setContentsMargins(8, 2, 6, 2)
        line.addWidget(self._prompt, 1)
        line.addWidget(self.stop)
        line.addWidget(clear)
        layout = stack(self)
        layout.addWidget(self.output, 1)
        layout.addLayout(line)
        layout.addWidget(self.input)
        self.setFocusProxy(self.input)

    # What to run it in

    def set_target(self, vms: Sequence[int]) -> None:
        """The VMs that what is typed next runs in."""
        if vms != self._target:
            self._target = vms
            self._prompt.setText(f"{_vms(vms)} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}" if vms else _NO_TARGET)

    def set_running(self, running: bool) -> None:
        self.stop.setEnabled(running)

    # What came of it

    def begin(self, source: str, vms: Sequence[int]) -> None:
        """A run starts; `show_results` or `give_up` ends it. Runs in one VM end in the order they began."""
        self._runs.update(vms)
        prompt = f"{_vms(vms)} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
        self._write(prompt + source.replace("\n", "\n" + " " * len(prompt)), "accent")

    def show_results(self, results: Sequence[RunResult]) -> None:
        """Results of one run. Output that did not come as an event yet is shown now."""
        for place, result in enumerate(results):
            output = self._not_shown(result)
            self._end(result.vm)
            if place < _AT_ONCE:
                self._show_result(result, output, len(results) > 1)
        if len(results) > _AT_ONCE:
            self._write(f"and {len(results) - _AT_ONCE:,} more results", "muted")

    def give_up(self, vms: Sequence[int], text: str) -> None:
        """A run ended without results; `text` says why."""
        for vm in vms:
            self._end(vm)
        self.show_error(text)

    def show_error(self, text: str) -> None:
        self._write(text, "error")

    def show_output(self, events: Sequence[OutputEvent]) -> None:
        """What VMs printed, as it comes."""
        fresh = [(event.vm, text) for event in events if (text := self._not_owed(event))]
        for vm, text in fresh[:_AT_ONCE]:
            self._write(_prefixed(vm, text), "")
        if len(fresh) > _AT_ONCE:
            self._write(f"and output of {len(fresh) - _AT_ONCE:,} more calls of print", "muted")

    def _show_result(self, result: RunResult, output: str, several: bool) -> None:
        name = f"VM {result.vm}: " if several else ""
        if output:
            self._write(_prefixed(result.vm, output), "")
        if result.failure is not None:
            self._show_failure(result.failure, name, "stale" if result.interrupted else "error")
        elif result.values:
            self._write(name + ", ".join(result.values), "hit")
        elif not several and not result.output:
            self._write("ok", "muted")

    def _not_shown(self, result: RunResult) -> str:
        """The part of a run's output that no event has brought yet."""
        if not result.output:
            return ""
        vm, live = result.vm, self._live.pop(result.vm, "")
        if result.output.startswith(live):
            rest = result.output[len(live) :]
            self._owed[vm] = self._owed.get(vm, "") + rest
            return rest
        # A run that follows has printed too, or others have, or a flood was cut: what is missing comes as events.
        self._live[vm] = live.partition(result.output)[2]
        return ""

    def _not_owed(self, event: OutputEvent) -> str:
        """The part of an event's text that no result has brought before."""
        vm, text, owed = event.vm, event.text, self._owed.pop(event.vm, "")
        if owed.startswith(text):
            self._owed[vm] = owed[len(text) :]
            return ""
        text = text.removeprefix(owed)
        if self._runs[vm]:
            self._live[vm] = self._live.get(vm, "") + text
        return text

    def _end(self, vm: int) -> None:
        self._runs[vm] -= 1
        if self._runs[vm] <= 0:
            del self._runs[vm]
            self._live.pop(vm, None)

    def _show_failure(self, failure: LuaFailure, name: str, tone: str) -> None:
        self._write(name + failure.message, tone)
        if failure.traceback:
            self._write(failure.traceback, "muted")

    @Slot()
    def forget(self) -> None:
        """The host is gone: nothing runs, and VMs to come are others."""
        self._runs.clear()
        self._live.clear()
        self._owed.clear()
        self.set_running(False)

    def _write(self, text: str, tone: str) -> None:
        self.output.write(text.removesuffix("\n"), tone or "text")


def _vms(vms: Sequence[int]) -> str:
    return f"VM {vms[0]}" if len(vms) == 1 else f"VMs {formats.ids(vms, 6)}"


def _prefixed(vm: int, text: str) -> str:
    """Output with the number of its VM before each line."""
    prefix = f"{vm:>3}\N{BOX DRAWINGS LIGHT VERTICAL} "
    return "\n".join(prefix + line for line in text.removesuffix("\n").split("\n"))
