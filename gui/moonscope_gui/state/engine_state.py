"""The window's copy of what the engine last said: one place that everybody reads."""

from __future__ import annotations

from collections.abc import Iterator

from moonscope.analysis.values import FileVerdict
from moonscope.model import FileRow, GenerationRow, LuaVersion, Sample, Settings, Update, VMRow

from ..widgets import formats
from .folders import CommonFolder

FileId = tuple[LuaVersion, str]


class EngineState:
    """Rows by id, the engine's settings and the last sample."""

    def __init__(self) -> None:
        self.vms_changed = 0  # how often rows of VMs, or the settings, came or went
        self.forget()

    def forget(self) -> None:
        self.files: dict[FileId, FileRow] = {}
        self.generations: dict[int, GenerationRow] = {}
        self.vms: dict[int, VMRow] = {}
        self.settings: Settings | None = None
        self.sample: Sample | None = None
        self.folder = CommonFolder()
        self.luas: frozenset[LuaVersion] = frozenset()  # of all VMs and files
        self.verdicts: dict[int, FileVerdict] = {}  # by generation; the window's own findings
        self.changed: set[FileId] = set()  # on disk, since their current generation was compiled
        self.replaced: set[FileId] = set()  # of which VMs hold older generations
        self._generations_of: dict[FileId, set[int]] = {}

    def apply(self, update: Update) -> None:
        """Take over an update. As in every model, rows that are sent win over the same id in a list of gone ones."""
        if update.reset or not update.since:
            self.forget()
        for vm in update.vms_gone:
            self.vms.pop(vm, None)
        vms = {row.id: row for row in update.vms}
        self.vms_changed += bool(vms or update.vms_gone or update.settings or update.reset or not update.since)
        others = bool(update.vms_gone) or not vms.keys() <= self.vms.keys()
        self.vms.update(vms)
        if self._apply_files(update) or others:
            self.luas = frozenset({row.lua for row in self.vms.values()} | {lua for lua, _ in self.files})
        self._apply_generations(update)
        self.settings = update.settings or self.settings
        if update.samples:
            self.sample = update.samples[-1]

    def generations_of(self, file: FileId) -> Iterator[GenerationRow]:
        """All versions of a file that are in memory, oldest first."""
        return (self.generations[id] for id in sorted(self._generations_of.get(file, ())))

    @property
    def required(self) -> tuple[str, ...]:
        """Keys of columns without which rows could not be told apart."""
        return ("lua",) if len(self.luas) > 1 else ()

    def _apply_files(self, update: Update) -> bool:
        """True: files came or went."""
        files = {(row.lua, row.key): row for row in update.files}
        others = bool(update.files_gone) or not files.keys() <= self.files.keys()
        for file_id in update.files_gone:
            self.files.pop(file_id, None)
            self.changed.discard(file_id)
            self.replaced.discard(file_id)
        self.files.update(files)
        for file_id, row in files.items():
            (self.changed.add if row.stale == "changed" else self.changed.discard)(file_id)
            (self.replaced.add if row.retired else self.replaced.discard)(file_id)
        if others:
            self.folder = CommonFolder.of({key for _, key in self.files})
        return others

    def _apply_generations(self, update: Update) -> None:
        for id in update.generations_gone:
            gone = self.generations.pop(id, None)
            self.verdicts.pop(id, None)
            if gone is not None:
                self._generations_of[gone.lua, gone.key].discard(id)
        for row in update.generations:
            self.generations[row.id] = row
            self._generations_of.setdefault((row.lua, row.key), set()).add(row.id)

    @property
    def tiers(self) -> str:
        """The tiers in use, in words for the status bar: `bytecode`, `bytecode, off`, or nothing without VMs."""
        conflicts = sum(row.conflicts > 0 for row in self.vms.values())
        partly = f" ({formats.plural(conflicts, 'VM')} partly by graft)" if conflicts else ""
        return ", ".join(sorted({row.tier.value for row in self.vms.values()})) + partly
