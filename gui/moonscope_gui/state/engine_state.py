"""The window's copy of what the engine last said: one place that everybody reads."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal

from moonscope.analysis.values import FileVerdict
from moonscope.model import FileRow, GenerationRow, LuaVersion, Sample, Settings, Update, VMRow

from ..widgets import formats
from .folders import CommonFolder

FileId = tuple[LuaVersion, str]


class EngineState(QObject):
    """Rows by id, the engine's settings and the last sample.

    Each signal is emitted when its table changed, after all of the update was taken over; `updated` comes last.
    """

    files_changed = Signal(object)  # Update; also when generations changed, which are shown with their file
    vms_changed = Signal(object)  # Update
    generations_changed = Signal(object)  # Update
    loads_added = Signal(object)  # Update
    samples_added = Signal(object)  # tuple of Sample
    marks_added = Signal(object)  # tuple of Mark
    output_added = Signal(object)  # tuple of OutputEvent
    settings_changed = Signal(object)  # Settings
    verdicts_found = Signal(object)  # set of FileId
    updated = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.vms_revision = 0  # how often rows of VMs, or the settings, came or went
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
        """Take over an update, and tell. As in every model, rows that are sent win over the same id in a list of gone
        ones."""
        shown_with_all = self.luas, self.folder  # in every table
        anew = update.reset or not update.since
        if anew:
            self.forget()
        for vm in update.vms_gone:
            self.vms.pop(vm, None)
        vms = {row.id: row for row in update.vms}
        self.vms_revision += bool(vms or update.vms_gone or update.settings or anew)
        others = bool(update.vms_gone) or not vms.keys() <= self.vms.keys()
        self.vms.update(vms)
        if self._apply_files(update) or others:
            self.luas = frozenset({row.lua for row in self.vms.values()} | {lua for lua, _ in self.files})
        self._apply_generations(update)
        self.settings = update.settings or self.settings
        if update.samples:
            self.sample = update.samples[-1]
        self._tell(update, anew or shown_with_all != (self.luas, self.folder))

    def _tell(self, update: Update, all_tables: bool) -> None:
        generations = bool(all_tables or update.generations or update.generations_gone)
        if generations or update.files or update.files_gone:
            self.files_changed.emit(update)
        if all_tables or update.vms or update.vms_gone:
            self.vms_changed.emit(update)
        if generations:
            self.generations_changed.emit(update)
        if all_tables or update.loads:
            self.loads_added.emit(update)
        for values, signal in (
            (update.samples, self.samples_added), (update.marks, self.marks_added), (update.output, self.output_added),
            (update.settings, self.settings_changed),
        ):  # fmt: skip
            if values:
                signal.emit(values)
        self.updated.emit()

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
