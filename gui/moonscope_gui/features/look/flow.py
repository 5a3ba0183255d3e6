"""Looking into a VM: one VM at a time, and only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from moonscope.commands import Holders, LookInto
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError
from moonscope.model import LookFunction, LookLevel, LuaVersion, VMRow, VMState

from ...link.desk import Desk
from ...link.jobs import Job
from ...widgets import formats
from .dock import LookDock
from .tree_model import Path

ShowPrototype = Callable[[LookFunction, LuaVersion], object]
SelectVMs = Callable[[list[int]], object]


class LookFlow(QObject):
    """Follows the selected VM, or the one chosen in the dock until another is selected.

    `is_seen` says whether the dock is in sight; `show_prototype` and `select_vms` are what a function leads to.
    """

    def __init__(
        self, desk: Desk, dock: LookDock, is_seen: Callable[[], bool], show_prototype: ShowPrototype,
        select_vms: SelectVMs,
    ) -> None:  # fmt: skip
        super().__init__(desk.window)
        self._desk = desk
        self._dock = dock
        self._is_seen = is_seen
        self._show_prototype = show_prototype
        self._select_vms = select_vms
        self._vm: int | None = None  # that is shown
        self._selected: int | None = None  # the last that was selected alone
        self._jobs: dict[tuple[Path, int], Job] = {}  # looks under way
        dock.wanted.connect(self._ask)
        dock.refresh_wanted.connect(self._look_again)
        dock.cancel_wanted.connect(self._cancel_by_hand)
        dock.vms_listed.connect(self._list_vms)
        dock.vm_chosen.connect(self._show)
        dock.prototype_wanted.connect(self._open_prototype)
        dock.holders_wanted.connect(self._ask_holders)

    # What the window calls

    @Slot()
    def follow(self) -> None:
        """The selection, the VMs or what is in sight changed."""
        if not self._is_seen():
            return
        selected, vms = self._desk.selected_vms(), self._desk.state.vms
        if len(selected) == 1 and selected[0] != self._selected:
            self._selected = selected[0]
            self._show(selected[0])
        elif self._vm is None and self._selected is None and len(vms) == 1:
            self._show(next(iter(vms)))
        elif self._vm is not None and self._vm not in vms:
            self._selected, self._vm = self._vm, None
            self._drop_jobs()
            self._dock.show_nothing(f"VM {self._selected} is gone. Select another VM to look into it.")
        self._tell_waiting()

    def look_into(self) -> None:
        """Somebody asked for it by the action: look at the selected VM anew."""
        selected = self._desk.selected_vms()
        if selected and selected[0] == self._vm:
            self._look_again()
        elif selected:
            self._selected = selected[0]
            self._show(selected[0])

    def forget(self) -> None:
        """The host is gone, and with it all VMs."""
        self._drop_jobs()
        self._vm = self._selected = None
        self._dock.show_nothing()

    # Looking

    @Slot(int)
    def _show(self, vm: int) -> None:
        self._drop_jobs()
        self._vm = vm
        row = self._desk.state.vms.get(vm)
        self._dock.show_vm(vm, _words(row) if row is not None else f"VM {vm}")

    @Slot()
    def _look_again(self) -> None:
        self._drop_jobs()
        self._dock.look_again()

    @Slot(object, int, int)
    def _ask(self, path: Path, offset: int, limit: int) -> None:
        if self._vm is None:
            return
        key = (path, offset)

        def done(level: LookLevel) -> None:
            if self._jobs.get(key) is job:
                del self._jobs[key]
                self._dock.show_level(level)
                self._tell_waiting()

        def failed(error: MoonscopeError) -> None:
            if self._jobs.get(key) is job:
                del self._jobs[key]
                self._refuse(path, error)
                self._tell_waiting()

        command = LookInto(vm=self._vm, path=path, offset=offset, limit=limit)
        job = self._desk.jobs.start(f"Look into VM {self._vm}", command, done, failed)
        self._jobs[key] = job

    def _refuse(self, path: Path, error: MoonscopeError) -> None:
        if isinstance(error, CancelledError):
            self._dock.show_refusal(path, "cancelled; open this row to look again", "muted")
        elif not isinstance(error, ConnectionLost):  # which is told once, by the window
            self._dock.show_refusal(path, str(error))

    def _drop_jobs(self) -> None:
        """What was asked is of no interest any more."""
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.cancel()
        self._tell_waiting()

    @Slot()
    def _cancel_by_hand(self) -> None:
        for job in list(self._jobs.values()):
            job.cancel()

    def _tell_waiting(self) -> None:
        row = self._desk.state.vms.get(self._vm) if self._vm is not None else None
        busy = row is not None and row.state in (VMState.RUNNING, VMState.STARTING) and row.task != "look"
        if self._jobs and row is not None and busy:
            self._dock.show_waiting(f"VM {row.id} is busy ({row.task or row.state}); the look waits for it.")
        else:
            self._dock.show_waiting("")

    # What a function leads to

    @Slot(object)
    def _open_prototype(self, function: LookFunction) -> None:
        row = self._desk.state.vms.get(self._vm) if self._vm is not None else None
        if row is not None:
            self._show_prototype(function, row.lua)

    @Slot(int)
    def _ask_holders(self, generation: int) -> None:
        def done(vms: tuple[int, ...]) -> None:
            self._select_vms(list(vms))
            self._desk.note(f"Generation {generation:,} is held by {formats.plural(len(vms), 'VM')}")

        self._desk.jobs.start("Holders", Holders(generation=generation), done)

    @Slot()
    def _list_vms(self) -> None:
        self._dock.list_vms([(row.id, _words(row)) for row in self._desk.state.vms.values()])


def _words(row: VMRow) -> str:
    return f"VM {row.id} · {row.lua.full_name}"
