"""The cached files."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QWidget

from ..models.files import FileEntry, FilesModel
from ..models.state import FileId
from ..views.table_panel import TablePanel

_EMPTY = "No file is cached.\n\nOpen a folder of Lua files, or drop one here: its files are loaded in all VMs."


class FilesDock(TablePanel):
    """Each key of the cache, with the generation that is current."""

    def __init__(self, model: FilesModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "files", "files", _EMPTY, parent)

    def selected(self) -> list[FileEntry]:
        found = (self.model.find(file_id) for file_id in self.view.selected_ids())
        return [entry for entry in found if entry is not None]

    def selected_ids(self) -> list[FileId]:
        return cast("list[FileId]", self.view.selected_ids())
