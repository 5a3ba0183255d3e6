"""The cached files: each key of the cache with the generation that is current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject

from moonscope.model import FileRow, GenerationRow, Update

from . import formats
from .state import EngineState, FileId
from .table import Column, TableModel


@dataclass(frozen=True)
class FileEntry:
    """A file row and its current generation, as far as there is one."""

    file: FileRow
    generation: GenerationRow | None = None

    @property
    def state(self) -> str:
        if self.file.error:
            return "error"
        if self.file.stale:
            return f"{self.file.stale} on disk"
        return "current" if self.generation else "not cached"

    @property
    def saved(self) -> int | None:
        """Bytes that the holders would hold without the cache, less what they and the cache hold. May be negative."""
        return saved_bytes(self.generation) if self.generation else None

    @property
    def tip(self) -> str:
        """What a pointer over the name tells."""
        lines = [self.file.key]
        if self.generation and self.generation.path and self.generation.path != self.file.key:
            lines.append(f"Resolved to {self.generation.path}")
        if self.file.aliases:
            lines.append(f"The same file is cached under {formats.plural(self.file.aliases, 'other name')}.")
        if self.file.stale:
            lines.append(f"The file was {self.file.stale} on disk since it was compiled.")
        if self.file.error:
            lines.append(self.file.error)
        return "\n".join(lines)


def saved_bytes(generation: GenerationRow) -> int:
    per_vm = generation.unshared_bytes - generation.private_bytes
    return per_vm * generation.holders - generation.shared_bytes


def _of_generation(attribute: str) -> Callable[[FileEntry], Any]:
    return lambda entry: getattr(entry.generation, attribute) if entry.generation else None


def _of_counters(attribute: str) -> Callable[[FileEntry], Any]:
    return lambda entry: getattr(entry.file.counters, attribute)


def _state_tone(entry: FileEntry) -> str:
    if entry.file.error:
        return "error"
    return "stale" if entry.file.stale else "" if entry.generation else "muted"


def _saved_tone(entry: FileEntry) -> str:
    saved = entry.saved or 0
    return "hit" if saved > 0 else "muted"


def _counter(key: str, title: str, tip: str, *, rank: int = 0, tone: str = "") -> Column[FileEntry]:
    value = _of_counters(key)
    paint = (lambda entry: tone if value(entry) else "muted") if tone else None
    return Column(key, title, value, formats.count, tip, numeric=True, width=5, rank=rank, tone=paint)


def _bytes(key: str, title: str, tip: str, *, rank: int = 0) -> Column[FileEntry]:
    return Column(key, title, _of_generation(key), formats.size, tip, numeric=True, width=8, rank=rank)


COLUMNS: tuple[Column[FileEntry], ...] = (
    Column("file", "File", lambda e: e.file.key, tip="The file name exactly as a VM gave it: the key of the cache",
           width=20, stretch=True, path=True, cell_tip=lambda e: e.tip),
    Column("state", "State", lambda e: e.state, width=10, tone=_state_tone, cell_tip=lambda e: e.tip,
           tip="current, not cached (cleared or never stored), changed or deleted on disk, error"),
    Column("lua", "Lua", lambda e: e.file.lua.value, tip="The Lua this cache belongs to", width=8, rank=11),
    Column("prototypes", "Protos", _of_generation("prototypes"), formats.count, "Function prototypes in the file",
           numeric=True, width=5),
    _counter("hits", "Hits", "Loads answered from the cache"),
    _counter("misses", "Misses", "Loads that compiled the file and stored it", tone="miss"),
    _counter("bypasses", "Bypasses", "Loads past the cache: mode off, or exist with nothing stored",
             tone="bypass", rank=2),
    _counter("races", "Races", "Loads that compiled while another VM stored first", tone="race", rank=6),
    _counter("errors", "Errors", "Loads that failed", tone="error", rank=3),
    Column("hit_rate", "Hit rate", _of_counters("hit_rate"), formats.percent, "Hits as a share of all loads",
           numeric=True, width=6, rank=2),
    Column("holders", "Holders", _of_generation("holders"), formats.count,
           "VMs that loaded the current generation and are not closed", numeric=True, width=5),
    _bytes("shared_bytes", "Shared", "Bytes held once for the whole process"),
    _bytes("private_bytes", "Per VM", "Bytes each VM holds with this tier", rank=1),
    _bytes("unshared_bytes", "Unshared", "Bytes each VM would hold if it loaded the file plainly (measured)",
           rank=4),
    Column("saved", "Saved", lambda e: e.saved, formats.size, "Unshared bytes of all holders, less their private "
           "bytes, less the shared bytes. Negative: the cache costs memory here", numeric=True, width=8,
           tone=_saved_tone),
    Column("last_load", "Last load", lambda e: e.file.last_load, formats.ago, "Time since the last load",
           numeric=True, width=6, order=lambda moment: -moment),
    Column("created", "Age", _of_generation("created"), formats.ago, "Time since the current generation was compiled",
           numeric=True, width=8, rank=5, order=lambda moment: -moment),
    Column("compile_us", "Compile", _of_generation("compile_us"), formats.microseconds, "Time the compilation took",
           numeric=True, width=9, rank=9),
    Column("source_bytes", "Source", _of_generation("source_bytes"), formats.size, "Size of the source text",
           numeric=True, width=9, rank=10),
    Column("retired", "Retired", lambda e: e.file.retired, formats.count,
           "Older generations that VMs still hold", numeric=True, width=8, rank=7,
           tone=lambda e: "retired" if e.file.retired else "muted"),
    Column("aliases", "Aliases", lambda e: e.file.aliases, formats.count,
           "Other keys that name the same file on disk", numeric=True, width=8, rank=8,
           tone=lambda e: "stale" if e.file.aliases else "muted"),
    Column("error", "Last error", lambda e: e.file.error, tip="Text of the last error", width=24, rank=12,
           tone=lambda e: "error", cell_tip=lambda e: e.file.error),
)  # fmt: skip


class FilesModel(TableModel[FileEntry]):
    """Joins file rows with their current generation; a change of either is a change of the row."""

    def __init__(self, state: EngineState, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)
        self._state = state

    def row_id(self, row: FileEntry) -> FileId:
        return (row.file.lua, row.file.key)

    def take(self, update: Update) -> None:
        """Follow an update that `state` has taken over already."""
        if update.reset or not update.since:
            self.reset_rows(self._entry(row) for row in self._state.files.values())
            return
        touched = {(row.lua, row.key): None for row in update.files}
        touched.update({(row.lua, row.key): None for row in update.generations})
        rows = (self._state.files.get(file_id) for file_id in touched)
        gone = (file_id for file_id in update.files_gone if file_id not in self._state.files)
        self.apply([self._entry(row) for row in rows if row is not None], gone)

    def _entry(self, row: FileRow) -> FileEntry:
        current = None if row.generation is None else self._state.generations.get(row.generation)
        return FileEntry(row, current)
