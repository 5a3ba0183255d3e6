"""Spawning, running and tearing down VMs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from moonscope.commands import Close, Collect, RunFile, SetMode, Spawn
from moonscope.model import CacheMode, RunResult, SpawnReport, names

from ...link.desk import Desk
from ...state import tiers
from ...widgets import formats
from ...widgets.message_bar import Message

_CONFIRM_FROM = 10  # VMs that are torn down at once without a question: fewer than this


class VMsFlow(QObject):
    """Actions on the selected VMs, or on all of them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._asked: Spawn | None = None  # in the dialog, last: what was typed there outlives an error

    def spawn(self) -> None:
        from .spawn_dialog import SpawnDialog

        state = self._desk.state
        luas = state.settings.luas if state.settings else ()
        dialog = SpawnDialog(luas, partial(tiers.on_offer, state), self._spawn_asked, self._desk.window)
        if self._asked is not None:
            dialog.fill(self._asked)
        dialog.open()

    def _spawn_asked(self, command: Spawn) -> None:
        self._asked = command
        self.spawn_now(command)

    def spawn_now(self, command: Spawn) -> None:
        self._desk.jobs.start(f"Spawn {formats.plural(command.count, 'VM')}", command, self._spawned)

    def _spawned(self, report: SpawnReport) -> None:
        if report.failures:
            self._desk.say(_boot_failures(report))
        else:
            self._desk.note(f"{formats.plural(len(report.vms), 'VM')} spawned")

    def run_script(self) -> None:
        """Run a file to be chosen in the selected VMs, or in all when none is selected."""
        vms = self._desk.selected_vms()
        chooser = QFileDialog(self._desk.window, f"Run a Lua script in {formats.vms(vms)}")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters(["Lua files (*.lua)", "All files (*)"])
        chooser.fileSelected.connect(lambda path: self.run_file(path, vms))
        chooser.open()

    def run_file(self, path: str, vms: tuple[int, ...]) -> None:
        name = names.of_path(path)
        self._desk.jobs.start(f"Run {name}", RunFile(vms=vms, path=name), lambda results: self._ran(name, results))

    def _ran(self, path: str, results: Sequence[RunResult]) -> None:
        failed = [result for result in results if result.failure is not None]
        if not failed:
            self._desk.note(f"{path} ran in {formats.plural(len(results), 'VM')}")
            return
        lines = [
            f"VM {result.vm}: {result.failure.message}\n{result.failure.traceback}".rstrip()
            for result in failed
            if result.failure is not None
        ]
        where = f"{len(failed):,} of {formats.plural(len(results), 'VM')}"
        self._desk.say(Message(f"{path} failed in {where}.", "\n".join(lines)))

    def collect(self) -> None:
        vms = self._desk.selected_vms()
        self._desk.jobs.start(
            f"Collect garbage in {formats.vms(vms)}", Collect(vms), lambda count: self._count(count, "collected")
        )

    def close_selected(self) -> None:
        vms = self._desk.selected_vms()
        if vms:  # none would mean all
            self._close(vms)

    def close_all(self) -> None:
        self._close(())

    def _close(self, vms: tuple[int, ...]) -> None:
        count = len(vms) or len(self._desk.state.vms)

        def go() -> None:
            self._desk.jobs.start(
                f"Tear down {formats.vms(vms)}", Close(vms), lambda count: self._count(count, "torn down")
            )

        stuck = [row for row in self._desk.state.vms.values() if row.stuck and (not vms or row.id in vms)]
        if count < _CONFIRM_FROM and vms and not stuck:
            go()
            return
        from ...widgets.confirm import ConfirmDialog

        which = formats.plural(count, "VM")
        text = f"{which} will be torn down. What runs in them is interrupted; their state is lost."
        if stuck:
            inside = "\n".join(f"VM {row.id}: inside {row.stuck}." for row in stuck)
            memory = formats.size(sum(row.memory for row in stuck))
            text += (
                f"\n\n{inside}\n\nNothing can end that. {formats.vms([row.id for row in stuck])} will be abandoned: "
                f"{memory} stay in use until it returns."
            )
        ConfirmDialog("Tear down VMs", text, f"Tear down {count:,}", go, self._desk.window).open()

    def set_mode(self, mode: CacheMode) -> None:
        """Of the selected VMs; without a selection, of VMs to come."""
        vms = self._desk.selected_vms()
        if not vms:
            self.set_default_mode(mode)
            return
        words = f"Cache mode {mode.value} for {formats.vms(vms)}"
        self._desk.jobs.start(words, SetMode(mode=mode, vms=vms), lambda _: self._desk.note(words))

    def set_default_mode(self, mode: CacheMode) -> None:
        words = f"Cache mode {mode.value} for VMs to come"
        self._desk.jobs.start(words, SetMode(mode=mode), lambda _: self._desk.note(words))

    def _count(self, count: int, verb: str) -> None:
        self._desk.note(f"{formats.plural(count, 'VM')} {verb}")


def _boot_failures(report: SpawnReport) -> Message:
    failed = len(report.failures)
    total = max(len(report.vms), failed)
    lines = [f"VM {failure.vm}: {failure.message}" for failure in report.failures]
    text = f"The boot script failed in {failed:,} of {formats.plural(total, 'VM')}; they can be used all the same."
    return Message(text, "\n".join(lines), kind="warning")
