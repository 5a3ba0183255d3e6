"""The load log: the newest loads, each with its reason in words."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import QObject

from moonscope.model import CacheMode, LoadEvent, Outcome, Update

from ...state.engine_state import EngineState
from ...state.file_table import FileTable
from ...state.lua_error import without_name
from ...widgets import formats
from ...widgets.table import Column

LIMIT = 5_000

_REASONS = {
    Outcome.HIT: "from the cache",
    Outcome.MISS: "compiled and stored",
    Outcome.BYPASS: "past the cache",
    Outcome.RACE: "compiled, but another VM stored it first",
    Outcome.ERROR: "could not be loaded",
}


@dataclass(frozen=True)
class LogEntry:
    event: LoadEvent
    reason: str


def reason(event: LoadEvent, state: EngineState) -> str:
    """Why a load ended as it did, with what is known about the VM and the file when it is logged."""
    words = _REASONS[event.outcome]
    if event.outcome is Outcome.BYPASS and (vm := state.vms.get(event.vm)):
        if vm.mode is CacheMode.OFF:
            return f"{words}: the VM's mode is off"
        if vm.mode is CacheMode.EXIST:
            return f"{words}: mode exist, and nothing was stored"
    if event.outcome is Outcome.ERROR and (file := state.files.get((event.lua, event.key))) and file.error:
        return without_name(file.error, event.key)
    return words


COLUMNS: tuple[Column[LogEntry], ...] = (
    Column("time", "Time", lambda e: e.event.time, formats.clock, width=10, numeric=True),
    Column("outcome", "Outcome", lambda e: e.event.outcome.value, width=6, tone=lambda e: e.event.outcome.value,
           tip="Hit, miss, bypass, race or error. Of hits the first of each file in a VM is shown, and each 16th of "
           "the others"),
    Column("vm", "VM", lambda e: e.event.vm, tip="The VM that loaded", numeric=True, width=5, searched=True),
    Column("file", "File", lambda e: e.event.key, tip="The file name as the VM gave it", width=16, path=True,
           cell_tip=lambda e: e.event.key),
    Column("duration_us", "Took", lambda e: e.event.duration_us, formats.microseconds,
           "From the call to the function", numeric=True, width=7),
    Column("bytes", "Bytes", lambda e: e.event.bytes, formats.size, "Size of the cached payload that was used",
           numeric=True, width=8, rank=1),
    Column("reason", "Reason", lambda e: e.reason, width=14, stretch=True, cell_tip=lambda e: e.reason,
           tone=lambda e: "error" if e.event.outcome is Outcome.ERROR else "muted"),
    Column("generation", "Gen", lambda e: e.event.generation, formats.count, "The generation it got", numeric=True,
           width=6, rank=2),
    Column("lua", "Lua", lambda e: e.event.lua.value, width=7, rank=3),
)  # fmt: skip


class LogModel(FileTable[LogEntry]):
    """A ring: the newest `limit` loads; the oldest rows go as new ones come."""

    def __init__(self, state: EngineState, parent: QObject | None = None, limit: int = LIMIT) -> None:
        super().__init__(COLUMNS, state, parent)
        self._limit = limit
        self._serials: deque[int] = deque()

    def row_id(self, row: LogEntry) -> int:
        return row.event.serial

    def take(self, update: Update) -> None:
        self.follow_folder()
        if update.reset or not update.since:
            self.clear()
        if not update.loads:
            return
        entries = [LogEntry(event, reason(event, self._state)) for event in update.loads[-self._limit :]]
        known = set(self._serials)
        self._serials.extend(entry.event.serial for entry in entries if entry.event.serial not in known)
        gone = [self._serials.popleft() for _ in range(len(self._serials) - self._limit)]
        self.apply(entries, gone)

    def clear(self) -> None:
        self._serials.clear()
        self.reset_rows()
