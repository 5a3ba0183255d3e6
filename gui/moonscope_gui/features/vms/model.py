"""The VMs: state, mode, memory and what they run."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from moonscope.model import Libraries, Update, VMRow, VMState

from ...state import tiers
from ...state.engine_state import EngineState
from ...widgets import formats
from ...widgets.table import Column, TableModel

_STATE_TONES = {
    VMState.STARTING: "muted",
    VMState.RUNNING: "running",
    VMState.FAILED: "error",
    VMState.INTERRUPTED: "stale",
    VMState.CLOSED: "muted",
}
_LIBRARIES = {
    None: "those that its program gave it",
    Libraries.ALL: "all",
    Libraries.RESTRICTED: "restricted (no debug, native code, binary chunks)",
    Libraries.PURE: "pure (no files, programs, environment either)",
}


def _memory_tone(row: VMRow) -> str:
    """Warn from nine tenths of the cap."""
    return "stale" if row.memory_cap and row.memory * 10 >= row.memory_cap * 9 else ""


def _failure(row: VMRow) -> str:
    return row.failure.message if row.failure else ""


def _failure_tip(row: VMRow) -> str:
    return "\n".join(filter(None, (row.failure.message, row.failure.traceback))) if row.failure else ""


def _libraries(row: VMRow) -> str:
    return f"{row.lua.full_name}, libraries: {_LIBRARIES[row.libraries]}"


def _doing(row: VMRow) -> str:
    """What the VM runs, or why its last run failed: the one that matters now."""
    return _task(row) or _failure(row).partition("\n")[0]


def _task(row: VMRow) -> str:
    return f"{row.task}: inside {row.stuck}, cannot be ended" if row.stuck else row.task


def _doing_tone(row: VMRow) -> str:
    return "" if row.task and not row.stuck else "error"


COLUMNS: tuple[Column[VMRow], ...] = (
    Column("id", "VM", lambda r: r.id, tip="Number of the VM", numeric=True, width=4, searched=True),
    Column("state", "State", lambda r: r.state.value, width=9, tone=lambda r: _STATE_TONES.get(r.state, ""),
           tip="starting, idle, running, failed (usable again), interrupted (usable again), closed",
           cell_tip=_failure_tip),
    Column("lua", "Lua", lambda r: r.lua.value, tip="Lua version", width=7, rank=3, cell_tip=_libraries),
    Column("mode", "Mode", lambda r: r.mode.value, width=5, tip="Cache mode: on uses and stores, exist uses but "
           "never stores, off loads past the cache", tone=lambda r: "" if r.mode.value == "on" else "bypass"),
    Column("tier", "Tier", tiers.shown, tip="How this VM gets a cached function", width=8, rank=2,
           tone=tiers.tone),
    Column("memory", "Memory", lambda r: r.memory, formats.size, "Bytes its allocator holds now", numeric=True,
           width=8, tone=_memory_tone),
    Column("memory_peak", "Peak", lambda r: r.memory_peak, formats.size, "The most it ever held", numeric=True,
           width=8, rank=4),
    Column("memory_cap", "Cap", lambda r: r.memory_cap, lambda cap: formats.size(cap) or "none",
           "The most it may hold", numeric=True, width=9, rank=6),
    Column("generations", "Holds", lambda r: r.generations, formats.count,
           "Generations (compiled files) this VM holds", numeric=True, width=4, yields=True),
    Column("hits", "Hits", lambda r: r.counters.hits, formats.count, "Loads answered from the cache", numeric=True,
           width=4),
    Column("misses", "Misses", lambda r: r.counters.misses, formats.count, "Loads that compiled and stored",
           numeric=True, width=4, rank=1),
    Column("bypasses", "Bypasses", lambda r: r.counters.bypasses, formats.count, "Loads past the cache", numeric=True,
           width=8, rank=8),
    Column("errors", "Errors", lambda r: r.counters.errors, formats.count, "Loads that failed", numeric=True,
           width=7, rank=5),
    Column("queued", "Queue", lambda r: r.queued, formats.count, "Jobs waiting in its mailbox", numeric=True, width=6,
           rank=7),
    Column("task", "Doing", _doing, tip="What it runs now, or why its last run failed", width=5, stretch=True,
           tone=_doing_tone, cell_tip=lambda r: _task(r) or _failure_tip(r)),
    Column("created", "Age", lambda r: r.created, formats.ago, "Time since it was spawned", numeric=True, width=7,
           rank=9, order=lambda moment: -moment),
    Column("failure", "Failure", _failure, tip="Why the boot script or the last run failed", width=20, rank=10,
           tone=lambda r: "error", cell_tip=_failure_tip),
)  # fmt: skip


class VMsModel(TableModel[VMRow]):
    """Rows as the engine sends them."""

    def __init__(self, state: EngineState, parent: QObject | None = None) -> None:
        super().__init__(tiers.explained(COLUMNS, partial(tiers.of_vm, state)), parent)
        self._state = state

    def row_id(self, row: VMRow) -> int:
        return row.id

    def take(self, update: Update) -> None:
        self.require(self._state.required)
        if update.reset or not update.since:
            self.reset_rows(self._state.vms.values())
        else:
            self.apply(update.vms, (vm for vm in update.vms_gone if vm not in self._state.vms))
