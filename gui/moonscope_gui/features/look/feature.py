"""Looking into a VM: one VM at a time, and only while somebody looks."""

from __future__ import annotations

from PySide6.QtCore import Slot

from moonscope.commands import LookInto
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError
from moonscope.model import LookFunction, LookLevel, VMRow, VMState

from ...link.context import Context
from ...link.task import Task
from ...widgets.workspace import Part
from ..feature import Feature
from .closures import Closures
from .dock import LookDock
from .tree_model import Path


class LookFeature(Feature):
    """Follows the selected VM, or the one chosen in the dock until another is selected."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dock = dock = LookDock()
        self.part = Part("look", "Look into VM", dock, "tabs", "look")
        self._closures = Closures(context)
        self._vm: int | None = None  # that is shown
        self._selected: int | None = None  # the last that was selected alone
        self._tasks: dict[tuple[Path, int], Task] = {}  # looks under way
        dock.wanted.connect(self._ask)
        dock.refresh_wanted.connect(self._look_again)
        dock.cancel_wanted.connect(self._cancel_by_hand)
        dock.vms_listed.connect(self._list_vms)
        dock.vm_chosen.connect(self._show)
        dock.prototype_wanted.connect(self._open_prototype)
        dock.holders_wanted.connect(lambda generation: context.holders_wanted.emit([generation], "hold its file"))
        dock.closures_wanted.connect(self._closures.find)
        context.link.connected.connect(lambda _: self.forget())
        context.engine_changed.connect(dock.setEnabled)
        context.selection_changed.connect(self.follow)
        context.state.vms_changed.connect(self.follow)
        context.part_seen.connect(lambda *_: self.follow())
        self.offer("look", "Loo&k into VM", "Show the globals, loaded modules and registry of the selected VM",
                   self._look_into, {"&VMs": 410, "vms": 110}, icon="look", shortcut="Ctrl+Shift+I",
                   usable=lambda: bool(context.selection.vms()))  # fmt: skip

    @Slot()
    def follow(self) -> None:
        """The selection, the VMs or what is in sight changed."""
        if not self._context.sees("look"):
            return
        selected, vms = self._context.selection.vms(), self._context.state.vms
        if len(selected) == 1 and selected[0] != self._selected:
            self._selected = selected[0]
            self._show(selected[0])
        elif self._vm is None and self._selected is None and len(vms) == 1:
            self._show(next(iter(vms)))
        elif self._vm is not None and self._vm not in vms:
            self._selected, self._vm = self._vm, None
            self._drop_tasks()
            self.dock.show_nothing(f"VM {self._selected} is gone. Select another VM to look into it.")
        self._tell_waiting()

    def _look_into(self) -> None:
        """Look at the selected VM anew."""
        self._context.part_focused.emit("look")
        selected = self._context.selection.vms()
        if selected and selected[0] == self._vm:
            self._look_again()
        elif selected:
            self._selected = selected[0]
            self._show(selected[0])

    def forget(self) -> None:
        """The host is gone, and with it all VMs."""
        self._drop_tasks()
        self._vm = self._selected = None
        self.dock.show_nothing()

    # Looking

    @Slot(int)
    def _show(self, vm: int) -> None:
        self._drop_tasks()
        self._vm = vm
        row = self._context.state.vms.get(vm)
        self.dock.show_vm(vm, _words(row) if row is not None else f"VM {vm}")

    @Slot()
    def _look_again(self) -> None:
        self._drop_tasks()
        self.dock.look_again()

    @Slot(object, int, int)
    def _ask(self, path: Path, offset: int, limit: int) -> None:
        if self._vm is None:
            return
        key = (path, offset)

        def done(level: LookLevel) -> None:
            del self._tasks[key]
            self.dock.show_level(level)
            self._tell_waiting()

        def failed(error: MoonscopeError) -> None:
            del self._tasks[key]
            self._refuse(path, error)
            self._tell_waiting()

        command = LookInto(vm=self._vm, path=path, offset=offset, limit=limit)
        if key in self._tasks:
            self._tasks[key].drop()
        self._tasks[key] = self._context.tasks.start(f"Look into VM {self._vm}", command, done, failed)

    def _refuse(self, path: Path, error: MoonscopeError) -> None:
        if isinstance(error, CancelledError):
            self.dock.show_refusal(path, "cancelled; open this row to look again", "muted")
        elif not isinstance(error, ConnectionLost):  # which is told once, by the window
            self.dock.show_refusal(path, str(error))

    def _drop_tasks(self) -> None:
        """What was asked is of no interest any more."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.drop()
        self._tell_waiting()

    @Slot()
    def _cancel_by_hand(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()

    def _tell_waiting(self) -> None:
        row = self._context.state.vms.get(self._vm) if self._vm is not None else None
        busy = row is not None and row.state in (VMState.RUNNING, VMState.STARTING) and row.task != "look"
        if self._tasks and row is not None and busy:
            self.dock.show_waiting(f"VM {row.id} is busy ({row.task or row.state}); the look waits for it.")
        else:
            self.dock.show_waiting("")

    # What a function leads to

    @Slot(object)
    def _open_prototype(self, function: LookFunction) -> None:
        row = self._context.state.vms.get(self._vm) if self._vm is not None else None
        if row is not None:
            self._context.function_wanted.emit(function, row.lua)

    @Slot()
    def _list_vms(self) -> None:
        self.dock.list_vms([(row.id, _words(row)) for row in self._context.state.vms.values()])


def _words(row: VMRow) -> str:
    return f"VM {row.id} · {row.lua.full_name}"
