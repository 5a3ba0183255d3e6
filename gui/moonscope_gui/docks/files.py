"""The cached files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from moonscope.analysis.values import Verdict

from .. import theme
from ..models import formats
from ..models.file_entry import FileEntry
from ..models.files import FilesModel
from ..models.state import FileId
from ..views.buttons import tool_button
from ..views.elided_label import ElidedLabel
from ..views.table_panel import TablePanel

_EMPTY = "No file is cached.\n\nOpen a folder of Lua files, or drop one here: its files are loaded in all VMs."

KINDS: dict[str, Callable[[FileEntry], bool] | None] = {
    "All files": None,
    "Errors": lambda entry: bool(entry.file.error),
    "Changed on disk": lambda entry: bool(entry.file.stale),
    "Mixed versions": lambda entry: entry.is_mixed,
    "Several names": lambda entry: bool(entry.file.aliases),
    "Not in the cache": lambda entry: entry.generation is None,
    "Reads globals": lambda entry: entry.verdict is not None and entry.verdict.verdict is Verdict.READS_STATE,
    "Writes globals": lambda entry: entry.verdict is not None and entry.verdict.verdict is Verdict.WRITES_GLOBALS,
}


class FilesDock(TablePanel):
    """Each key of the cache, with the generation that is current."""

    def __init__(self, model: FilesModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "files", "files", _EMPTY, parent)
        self._folder = ElidedLabel(Qt.TextElideMode.ElideLeft)
        self._folder.setContentsMargins(6, 0, 0, 0)
        self.bar.insertWidget(1, self._folder)
        self.bar.addWidget(self._kind_button())
        model.folder_changed.connect(self._show_folder)
        theme.notifier.changed.connect(self._restyle)
        self._restyle()

    def _kind_button(self) -> QToolButton:
        self.kinds = tool_button("", "Show only files of one kind")
        self.kinds.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.kinds)
        group = QActionGroup(menu)
        for kind in KINDS:
            action = group.addAction(kind)
            action.setCheckable(True)
            action.triggered.connect(partial(self.show_kind, kind))
        menu.addActions(group.actions())
        group.actions()[0].setChecked(True)
        self.kinds.setMenu(menu)
        self._name_kind(next(iter(KINDS)))
        return self.kinds

    def show_kind(self, kind: str) -> None:
        """Show only the files of one of `KINDS`."""
        self._name_kind(kind)
        self.model.set_accept(KINDS[kind])

    def _name_kind(self, kind: str) -> None:
        self.kinds.setText(f"{kind} ▾")

    def show_all(self) -> None:
        super().show_all()
        self.kinds.menu().actions()[0].trigger()

    def selected(self) -> list[FileEntry]:
        found = (self.model.find(file_id) for file_id in self.view.selected_ids())
        return [entry for entry in found if entry is not None]

    def selected_ids(self) -> list[FileId]:
        return cast("list[FileId]", self.view.selected_ids())

    @Slot(str)
    def _show_folder(self, path: str) -> None:
        """Told once, so that the names need not."""
        self._folder.setText(f"in {path}" if path else "")
        self._folder.setToolTip(formats.tip(f"The names of all files begin with {path}") if path else "")

    @Slot()
    def _restyle(self) -> None:
        self._folder.setStyleSheet(f"color: {theme.colour('muted').name()}")
