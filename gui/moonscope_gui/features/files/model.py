"""The cached files: each key of the cache with the generation that is current."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject

from moonscope.model import FileRow, GenerationState, Update

from ...state import tiers, verdicts
from ...state.engine_state import EngineState, FileId
from ...state.file_entry import FileEntry
from ...state.file_table import FileTable
from ...widgets import formats
from ...widgets.table import Column


def _of_generation(attribute: str) -> Callable[[FileEntry], Any]:
    return lambda entry: getattr(entry.generation, attribute) if entry.generation else None


def _of_counters(attribute: str) -> Callable[[FileEntry], Any]:
    return lambda entry: getattr(entry.file.counters, attribute)


_STATE_TONES = {"error": "error", "changed": "stale", "deleted": "stale", "cleared": "muted", "bypassed": "muted"}


def _marks_tone(entry: FileEntry) -> str:
    return "stale" if entry.file.aliases or entry.differs else "muted"


def _tier(entry: FileEntry) -> str:
    return tiers.shown(entry.generation) if entry.generation else ""


def _saved_tone(entry: FileEntry) -> str:
    saved = entry.saved or 0
    return "hit" if saved > 0 else "muted"


def _counter(
    key: str, title: str, tip: str, *, rank: int = 0, tone: str = "", yields: bool = False
) -> Column[FileEntry]:
    value = _of_counters(key)
    paint = (lambda entry: tone if value(entry) else "muted") if tone else None
    return Column(key, title, value, formats.count, tip, numeric=True, width=5, rank=rank, yields=yields, tone=paint)


def _bytes(key: str, title: str, tip: str, *, rank: int = 0) -> Column[FileEntry]:
    return Column(key, title, _of_generation(key), formats.size, tip, numeric=True, width=8, rank=rank)


COLUMNS: tuple[Column[FileEntry], ...] = (
    Column("file", "File", lambda e: e.file.key, tip="The file name exactly as a VM gave it: the key of the cache",
           width=14, stretch=True, path=True, cell_tip=lambda e: e.name_tip),
    Column("state", "State", lambda e: e.state, width=8, tone=lambda e: _STATE_TONES.get(e.state, ""),
           cell_tip=lambda e: e.state_tip, tip="current, changed or deleted on disk, cleared, bypassed (never stored), "
           "error"),
    Column("marks", "Marks", lambda e: e.marks, width=6, tone=_marks_tone, cell_tip=lambda e: e.marks_tip,
           tip="mixed: VMs run different versions; alias: one file cached under several names"),
    Column("globals", "Globals", lambda e: verdicts.WORDS[e.verdict.verdict] if e.verdict else "", width=6,
           tone=lambda e: verdicts.TONES[e.verdict.verdict] if e.verdict else "", tip=verdicts.COLUMN_TIP,
           cell_tip=lambda e: verdicts.describe(e.verdict) if e.verdict else ""),
    Column("tier", "Tier", _tier, tip="How a further VM gets a cached function: direct, graft, bytecode or off",
           width=8, rank=2, tone=lambda e: tiers.tone(e.generation) if e.generation else ""),
    Column("lua", "Lua", lambda e: e.file.lua.value, tip="The Lua this cache belongs to", width=7, rank=11),
    Column("prototypes", "Protos", _of_generation("prototypes"), formats.count, "Function prototypes in the file",
           numeric=True, width=5, rank=1),
    _counter("hits", "Hits", "Loads answered from the cache"),
    _counter("misses", "Misses", "Loads that compiled the file and stored it", tone="miss", yields=True),
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


class FilesModel(FileTable[FileEntry]):
    """Joins file rows with their generations; a change of either is a change of the row."""

    def __init__(self, state: EngineState, parent: QObject | None = None) -> None:
        def explain(entry: FileEntry) -> str:
            return tiers.of_generation(state, entry.generation) if entry.generation else ""

        super().__init__(tiers.explained(COLUMNS, explain), state, parent)

    def row_id(self, row: FileEntry) -> FileId:
        return (row.file.lua, row.file.key)

    def take(self, update: Update) -> None:
        """Follow an update that `state` has taken over already."""
        self.follow_folder()
        self.require(self._state.required)
        if update.reset or not update.since:
            self.reset_rows(self._entry(row) for row in self._state.files.values())
            return
        touched = {(row.lua, row.key): None for row in update.files}
        touched.update({(row.lua, row.key): None for row in update.generations})
        gone = (file_id for file_id in update.files_gone if file_id not in self._state.files)
        self.refresh(touched, gone)

    def refresh(self, touched: Iterable[FileId], gone: Iterable[FileId] = ()) -> None:
        """Show anew what is known of these files."""
        rows = (self._state.files.get(file_id) for file_id in touched)
        self.apply([self._entry(row) for row in rows if row is not None], gone)

    def _entry(self, row: FileRow) -> FileEntry:
        generations = self._state.generations
        current = None if row.generation is None else generations.get(row.generation)
        retired = (each for each in self._state.generations_of((row.lua, row.key)) if each.holders)
        return FileEntry(
            row,
            current,
            tuple(each for each in retired if each.state is GenerationState.RETIRED),
            self._state.verdicts.get(current.id) if current else None,
        )
