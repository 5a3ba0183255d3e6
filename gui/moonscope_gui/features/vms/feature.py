"""Spawning, running and tearing down VMs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog

from moonscope.commands import Close, Collect, RunFile, SetMode, Spawn
from moonscope.model import CacheMode, RunResult, Settings, SpawnReport, names

from ...link.context import Context
from ...state import tiers
from ...widgets import formats
from ...widgets.message_bar import Message
from ...widgets.workspace import Part
from ..feature import TableFeature
from .dock import VMsDock
from .model import VMsModel

_CONFIRM_FROM = 10  # VMs that are torn down at once without a question: fewer than this


_MODES = {
    CacheMode.ON: ("Mode &On", "Default Mode O&n", "use the cache and store in it"),
    CacheMode.EXIST: ("Mode &Exist", "Default Mode E&xist", "use the cache but never store"),
    CacheMode.OFF: ("Mode O&ff", "Default Mode Off", "load past the cache"),
}


class VMsFeature(TableFeature):
    """The VMs, and actions on the selected ones, or on all of them."""

    def __init__(self, context: Context) -> None:
        model = VMsModel(context.state, context)
        self.dock = VMsDock(model)
        super().__init__(context, self.dock)
        self.part = Part("vms", "VMs", self.dock, "right", "vm")
        self._asked: Spawn | None = None  # in the dialog, last: what was typed there outlives an error
        context.selection.vms = self.dock.selected
        context.state.vms_changed.connect(model.take)
        context.state.settings_changed.connect(self._show_default_mode)
        context.vms_wanted.connect(self._reveal)
        self.dock.view.opened.connect(lambda _: context.part_focused.emit("console"))
        self._offer_actions()
        self._offer_modes()

    def _offer_actions(self) -> None:
        def any_vm() -> bool:
            return bool(self._context.state.vms)

        self.offer("spawn", "&Spawn VMs…", "Make new VMs", self.spawn, {"&VMs": 110, "toolbar": 120}, icon="spawn",
                   shortcut="Ctrl+N", button="Spawn VMs")
        self.offer("run-script", "&Run Script…", "Run a Lua file in the selected VMs, or in all", self.run_script,
                   {"&VMs": 120, "vms": 120, "toolbar": 220}, icon="run", shortcut="Ctrl+R", usable=any_vm,
                   button="Run Script")
        self.offer("collect", "&Collect Garbage", "Run a full garbage collection in the selected VMs, or in all",
                   self.collect, {"&VMs": 420, "vms": 310, "toolbar": 230}, icon="collect", shortcut="Ctrl+G",
                   usable=any_vm, button="Collect")
        self.offer("close-selected", "&Tear Down Selected", "End the selected VMs", self.close_selected,
                   {"&VMs": 510, "vms": 510}, icon="close", shortcut="Del", in_table=True, usable=self._any_selected)
        self.offer("close-all", "Tear Down &All", "End all VMs", self.close_all, {"&VMs": 520, "vms": 520},
                   icon="close-all", usable=any_vm)  # fmt: skip

    def _offer_modes(self) -> None:
        of_selected, self._defaults = [], {}
        for place, (mode, (text, default_text, words)) in enumerate(_MODES.items()):
            of_selected.append(self.offer(
                f"mode-{mode.value}", text, f"The selected VMs {words}", partial(self.set_mode, mode),
                {"vms": 210 + place}, usable=self._any_selected,
            ))  # fmt: skip
            self._defaults[mode] = self.offer(
                f"default-{mode.value}", default_text, f"VMs to come {words}",
                lambda _, mode=mode: self.set_default_mode(mode), {}, checkable=True,
            )  # fmt: skip
        self.offer_menu("Cache &Mode of Selected", {"&VMs": 310}, of_selected)
        self.offer_menu("&Default Cache Mode", {"&VMs": 320}, self._defaults.values())

    def _any_selected(self) -> bool:
        return self.dock.view.selectionModel().hasSelection()

    @Slot(object)
    def _show_default_mode(self, settings: Settings) -> None:
        self._defaults[settings.default_mode].setChecked(True)

    @Slot(object)
    def _reveal(self, ids: Sequence[int]) -> None:
        self._context.part_wanted.emit("vms")
        self.dock.reveal(ids)

    def spawn(self) -> None:
        from .spawn_dialog import SpawnDialog

        state = self._context.state
        luas = state.settings.luas if state.settings else ()
        dialog = SpawnDialog(luas, partial(tiers.on_offer, state), self._spawn_asked, self._context.window)
        if self._asked is not None:
            dialog.fill(self._asked)
        dialog.open()

    def _spawn_asked(self, command: Spawn) -> None:
        self._asked = command
        self.spawn_now(command)

    def spawn_now(self, command: Spawn) -> None:
        self._context.tasks.start(f"Spawn {formats.plural(command.count, 'VM')}", command, self._spawned)

    def _spawned(self, report: SpawnReport) -> None:
        if report.failures:
            self._context.say(_boot_failures(report))
        else:
            self._context.note(f"{formats.plural(len(report.vms), 'VM')} spawned")

    def run_script(self) -> None:
        """Run a file to be chosen in the selected VMs, or in all when none is selected."""
        vms = self._context.selection.vms()
        chooser = QFileDialog(self._context.window, f"Run a Lua script in {formats.vms(vms)}")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters(["Lua files (*.lua)", "All files (*)"])
        chooser.fileSelected.connect(lambda path: self.run_file(path, vms))
        chooser.open()

    def run_file(self, path: str, vms: tuple[int, ...]) -> None:
        name = names.of_path(path)
        self._context.tasks.start(f"Run {name}", RunFile(vms=vms, path=name), lambda results: self._ran(name, results))

    def _ran(self, path: str, results: Sequence[RunResult]) -> None:
        failed = [result for result in results if result.failure is not None]
        if not failed:
            self._context.note(f"{path} ran in {formats.plural(len(results), 'VM')}")
            return
        lines = [
            f"VM {result.vm}: {result.failure.message}\n{result.failure.traceback}".rstrip()
            for result in failed
            if result.failure is not None
        ]
        where = f"{len(failed):,} of {formats.plural(len(results), 'VM')}"
        self._context.say(Message(f"{path} failed in {where}.", "\n".join(lines)))

    def collect(self) -> None:
        vms = self._context.selection.vms()
        self._context.tasks.start(
            f"Collect garbage in {formats.vms(vms)}", Collect(vms), lambda count: self._count(count, "collected")
        )

    def close_selected(self) -> None:
        vms = self._context.selection.vms()
        if vms:  # none would mean all
            self._close(vms)

    def close_all(self) -> None:
        self._close(())

    def _close(self, vms: tuple[int, ...]) -> None:
        count = len(vms) or len(self._context.state.vms)

        def go() -> None:
            self._context.tasks.start(
                f"Tear down {formats.vms(vms)}", Close(vms), lambda count: self._count(count, "torn down")
            )

        stuck = [row for row in self._context.state.vms.values() if row.stuck and (not vms or row.id in vms)]
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
        ConfirmDialog("Tear down VMs", text, f"Tear down {count:,}", go, self._context.window).open()

    def set_mode(self, mode: CacheMode) -> None:
        """Of the selected VMs; without a selection, of VMs to come."""
        vms = self._context.selection.vms()
        if not vms:
            self.set_default_mode(mode)
            return
        words = f"Cache mode {mode.value} for {formats.vms(vms)}"
        self._context.tasks.start(words, SetMode(mode=mode, vms=vms), lambda _: self._context.note(words))

    def set_default_mode(self, mode: CacheMode) -> None:
        words = f"Cache mode {mode.value} for VMs to come"
        self._context.tasks.start(words, SetMode(mode=mode), lambda _: self._context.note(words))

    def _count(self, count: int, verb: str) -> None:
        self._context.note(f"{formats.plural(count, 'VM')} {verb}")


def _boot_failures(report: SpawnReport) -> Message:
    failed = len(report.failures)
    total = max(len(report.vms), failed)
    lines = [f"VM {failure.vm}: {failure.message}" for failure in report.failures]
    text = f"The boot script failed in {failed:,} of {formats.plural(total, 'VM')}; they can be used all the same."
    return Message(text, "\n".join(lines), kind="warning")
