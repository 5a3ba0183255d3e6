"""The cached files."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from moonscope.analysis.values import Verdict

from ...state.engine_state import FileId
from ...state.file_entry import FileEntry
from ...widgets import formats, theme
from ...widgets.choice_button import ChoiceButton
from ...widgets.elided_label import ElidedLabel
from ...widgets.table_panel import TablePanel
from .model import FilesModel

_EMPTY = "No file is cached.\n\nOpen a folder of Lua files, or drop one here: its files are loaded in all VMs."

KINDS: dict[str, Callable[[FileEntry], bool] | None] = {
    "All files": None,
    "Errors": lambda entry: bool(entry.file.error),
    "Changed on disk": lambda entry: bool(entry.file.stale),
    "Mixed versions": lambda entry: entry.is_mixed,
    "Several names": lambda entry: bool(entry.file.aliases),
    "Not in the cache": lambda entry: entry.generation is None,
    "Reads globals": lambda entry: entry.verdict is not None and entry.verdict.verdict is Verdict.READS_STATE,
    "May write": lambda entry: entry.verdict is not None and entry.verdict.verdict is Verdict.MAY_WRITE,
    "Writes globals": lambda entry: entry.verdict is not None and entry.verdict.verdict is Verdict.WRITES_GLOBALS,
}


class FilesDock(TablePanel):
    """Each key of the cache, with the generation that is current."""

    def __init__(self, model: FilesModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "files", "files", _EMPTY, parent)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)  # by name: VMs load them in any order
        self._folder = ElidedLabel(Qt.TextElideMode.ElideLeft)
        self._folder.setContentsMargins(6, 0, 0, 0)
        self.bar.insertWidget(1, self._folder)
        self.kinds = ChoiceButton(tuple(KINDS), "Show only files of one kind")
        self.kinds.chosen.connect(self._accept_kind)
        self.bar.addWidget(self.kinds)
        model.folder_changed.connect(self._show_folder)
        theme.set_tone(self._folder, "muted")

    @Slot(str)
    def _accept_kind(self, kind: str) -> None:
        self.model.set_accept(KINDS[kind])

    def show_all(self) -> None:
        super().show_all()
        self.kinds.reset()

    def selected(self) -> list[FileEntry]:
        """Looked up one by one, for what is done on request."""
        found = (self.model.find(file_id) for file_id in self.view.selected_ids())
        return [entry for entry in found if entry is not None]

    def selected_ids(self) -> frozenset[FileId]:
        """The same object for as long as the same files are selected."""
        return cast("frozenset[FileId]", self.view.selection.ids)

    def in_sight(self) -> list[FileId]:
        """Those whose rows can be seen now."""
        return cast("list[FileId]", list(self.view.ids_in_sight()))

    @Slot(str)
    def _show_folder(self, path: str) -> None:
        """Told once, so that the names need not."""
        self._folder.setText(f"in {path}" if path else "")
        self._folder.setToolTip(formats.tip(f"The names of all files begin with {path}") if path else "")
