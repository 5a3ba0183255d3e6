"""Running what is typed in the console."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot

from moonscope.commands import Interrupt, RunChunk
from moonscope.errors import MoonscopeError
from moonscope.model import RunResult

from ...link.context import Context
from ...state import chunk_name
from ...widgets.workspace import Part
from ..feature import Feature
from .dock import ConsoleDock


class ConsoleFeature(Feature):
    """Runs in the selected VMs; with one VM only, in that one."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dock = ConsoleDock(context.settings.history)
        self.part = Part("console", "Console", self.dock, "tabs", "console")
        self._running: list[tuple[int, ...]] = []  # the VMs of each run under way
        self.dock.submitted.connect(self._run)
        self.dock.interrupt_wanted.connect(self._interrupt)
        context.state.output_added.connect(self.dock.show_output)
        context.state.vms_changed.connect(self.retarget)
        context.selection_changed.connect(self.retarget)
        context.engine_changed.connect(self._follow_engine)

    @Slot()
    def retarget(self) -> None:
        self.dock.set_target(self._target())

    @Slot(bool)
    def _follow_engine(self, connected: bool) -> None:
        """With a host that is gone all runs are gone."""
        if not connected:
            self._running.clear()
            self.dock.forget()

    def _target(self) -> tuple[int, ...]:
        selected = self._context.selection.vms()
        return selected if selected or len(self._context.state.vms) != 1 else tuple(self._context.state.vms)

    @Slot(str)
    def _run(self, source: str) -> None:
        self._context.settings.history = self.dock.input.history
        vms = self._target()
        if not vms:
            self.dock.show_error("There is no VM to run this in: select one in the list of VMs, or spawn some.")
            return
        self.dock.begin(source, vms)
        self._running.append(vms)
        self.dock.set_running(True)
        self._context.tasks.start(
            f"Run in {'VM' if len(vms) == 1 else f'{len(vms):,} VMs,'} {chunk_name.first_line(source)[:40]}",
            RunChunk(vms=vms, source=source),
            lambda results: self._ended(vms, results),
            lambda error: self._failed(vms, error),
        )

    def _ended(self, vms: tuple[int, ...], results: Sequence[RunResult]) -> None:
        self._drop(vms)
        self.dock.show_results(results)

    def _failed(self, vms: tuple[int, ...], error: MoonscopeError) -> None:
        self._drop(vms)
        self.dock.give_up(vms, str(error))

    def _drop(self, vms: tuple[int, ...]) -> None:
        if vms in self._running:
            self._running.remove(vms)
        self.dock.set_running(bool(self._running))

    @Slot()
    def _interrupt(self) -> None:
        if self._running:
            self._context.tasks.start("Interrupt the console", Interrupt(self._running[0]))
