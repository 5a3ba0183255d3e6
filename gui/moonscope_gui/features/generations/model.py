"""Generations: every compiled version that is still in memory, and how many VMs keep it there."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from moonscope.model import GenerationRow, GenerationState, Update

from ...state import tiers
from ...state.engine_state import EngineState
from ...state.file_table import FileTable
from ...widgets import formats
from ...widgets.table import Column

_STATE_TONES = {GenerationState.RETIRED: "retired", GenerationState.FREED: "muted"}

COLUMNS: tuple[Column[GenerationRow], ...] = (
    Column("id", "Gen", lambda r: r.id, tip="Number of the generation", numeric=True, width=5, searched=True),
    Column("file", "File", lambda r: r.key, tip="The key it was compiled for", width=14, stretch=True, path=True,
           cell_tip=lambda r: r.path or r.key),
    Column("state", "State", lambda r: r.state.value, width=7, tone=lambda r: _STATE_TONES.get(r.state, ""),
           tip="current, or retired: cleared or replaced, and kept by its holders"),
    Column("lua", "Lua", lambda r: r.lua.value, width=7, rank=7),
    Column("tier", "Tier", tiers.shown, tip="How VMs get its functions", width=9, rank=5,
           tone=tiers.tone),
    Column("holders", "Holders", lambda r: r.holders, formats.count, "VMs that loaded it and are not closed",
           numeric=True, width=5),
    Column("shared_bytes", "Shared", lambda r: r.shared_bytes, formats.size, "Bytes held once for the process",
           numeric=True, width=8),
    Column("private_bytes", "Per VM", lambda r: r.private_bytes, formats.size, "Bytes each holder holds",
           numeric=True, width=8, yields=True),
    Column("unshared_bytes", "Unshared", lambda r: r.unshared_bytes, formats.size,
           "Bytes each holder would hold if it loaded the file plainly (measured)", numeric=True, width=8,
           rank=1),
    Column("saved", "Saved", lambda r: r.saved_bytes, formats.size, "Unshared less private bytes of all holders, less "
           "the shared bytes", numeric=True, width=8,
           tone=lambda r: "hit" if (r.saved_bytes or 0) > 0 else "muted"),
    Column("prototypes", "Protos", lambda r: r.prototypes, formats.count, "Function prototypes", numeric=True,
           width=5, rank=2),
    Column("hits", "Hits", lambda r: r.hits, formats.count, "Loads it answered", numeric=True, width=5,
           rank=3),
    Column("created", "Age", lambda r: r.created, formats.ago, "Time since it was compiled", numeric=True, width=6,
           rank=2, order=lambda moment: -moment),
    Column("compile_us", "Compile", lambda r: r.compile_us, formats.microseconds, "Time the compilation took",
           numeric=True, width=9, rank=4),
    Column("source_bytes", "Source", lambda r: r.source_bytes, formats.size, "Size of the source text", numeric=True,
           width=9, rank=6),
    Column("path", "Path", lambda r: r.path, tip="The file it was compiled from", width=30, rank=8),
    Column("digest", "Digest", lambda r: r.digest, tip="Hash of the source", width=12, rank=9),
)  # fmt: skip


def is_retired(row: GenerationRow) -> bool:
    return row.state is GenerationState.RETIRED


class GenerationsModel(FileTable[GenerationRow]):
    """Rows as the engine sends them."""

    def __init__(self, state: EngineState, parent: QObject | None = None) -> None:
        super().__init__(tiers.explained(COLUMNS, partial(tiers.of_generation, state)), state, parent)

    def row_id(self, row: GenerationRow) -> int:
        return row.id

    def take(self, update: Update) -> None:
        self.follow_folder()
        self.require(self._state.required)
        if update.reset or not update.since:
            self.reset_rows(self._state.generations.values())
        else:
            gone = (generation for generation in update.generations_gone if generation not in self._state.generations)
            self.apply(update.generations, gone)
