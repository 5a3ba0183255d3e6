"""The window's copy of what the engine last said: one place that everybody reads."""

from __future__ import annotations

from moonscope.model import FileRow, GenerationRow, LuaVersion, Sample, Settings, Update, VMRow

FileId = tuple[LuaVersion, str]


class EngineState:
    """Rows by id, the engine's settings and the last sample."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.files: dict[FileId, FileRow] = {}
        self.generations: dict[int, GenerationRow] = {}
        self.vms: dict[int, VMRow] = {}
        self.settings: Settings | None = None
        self.sample: Sample | None = None

    def apply(self, update: Update) -> None:
        """Take over an update. As in every model, rows that are sent win over the same id in a list of gone ones."""
        if update.reset or not update.since:
            self.forget()
        for file_id in update.files_gone:
            self.files.pop(file_id, None)
        for generation in update.generations_gone:
            self.generations.pop(generation, None)
        for vm in update.vms_gone:
            self.vms.pop(vm, None)
        self.files.update({(row.lua, row.key): row for row in update.files})
        self.generations.update({row.id: row for row in update.generations})
        self.vms.update({row.id: row for row in update.vms})
        self.settings = update.settings or self.settings
        if update.samples:
            self.sample = update.samples[-1]

    @property
    def tiers(self) -> str:
        """The tiers in use, in words for the status bar: `bytecode`, `bytecode, off`, or nothing without VMs."""
        return ", ".join(sorted({row.tier.value for row in self.vms.values()}))
