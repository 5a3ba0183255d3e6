"""Running what is typed in the console."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot

from moonscope.commands import Interrupt, RunChunk
from moonscope.errors import MoonscopeError
from moonscope.model import RunResult

from ...link.desk import Desk
from ...state import chunk_name
from ...state.settings import WindowSettings
from .dock import ConsoleDock


class ConsoleFlow(QObject):
    """Runs in the selected VMs; with one VM only, in that one."""

    def __init__(self, desk: Desk, console: ConsoleDock, settings: WindowSettings) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._console = console
        self._settings = settings
        self._running: list[tuple[int, ...]] = []  # the VMs of each run under way
        console.submitted.connect(self._run)
        console.interrupt_wanted.connect(self._interrupt)

    @Slot()
    def retarget(self) -> None:
        self._console.set_target(self._target())

    def forget(self) -> None:
        """The host is gone, and with it all runs."""
        self._running.clear()
        self._console.forget()

    def _target(self) -> tuple[int, ...]:
        selected = self._desk.selected_vms()
        return selected if selected or len(self._desk.state.vms) != 1 else tuple(self._desk.state.vms)

    @Slot(str)
    def _run(self, source: str) -> None:
        self._settings.history = self._console.input.history
        vms = self._target()
        if not vms:
            self._console.show_error("There is no VM to run this in: select one in the list of VMs, or spawn some.")
            return
        self._console.begin(source, vms)
        self._running.append(vms)
        self._console.set_running(True)
        self._desk.jobs.start(
            f"Run in {'VM' if len(vms) == 1 else f'{len(vms):,} VMs,'} {chunk_name.first_line(source)[:40]}",
            RunChunk(vms=vms, source=source),
            lambda results: self._ended(vms, results),
            lambda error: self._failed(vms, error),
        )

    def _ended(self, vms: tuple[int, ...], results: Sequence[RunResult]) -> None:
        self._drop(vms)
        self._console.show_results(results)

    def _failed(self, vms: tuple[int, ...], error: MoonscopeError) -> None:
        self._drop(vms)
        self._console.give_up(vms, str(error))

    def _drop(self, vms: tuple[int, ...]) -> None:
        if vms in self._running:
            self._running.remove(vms)
        self._console.set_running(bool(self._running))

    @Slot()
    def _interrupt(self) -> None:
        if self._running:
            self._desk.jobs.start("Interrupt the console", Interrupt(self._running[0]))
