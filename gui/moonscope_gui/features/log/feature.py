"""The load log."""

from __future__ import annotations

from PySide6.QtCore import Slot

from ...link.context import Context
from ...widgets.workspace import Part
from ..feature import TableFeature
from .dock import LogDock
from .model import LogModel


class LogFeature(TableFeature):
    """The newest loads; one that is opened leads to its file."""

    def __init__(self, context: Context) -> None:
        self._model = LogModel(context.state, context)
        self.dock = LogDock(self._model)
        super().__init__(context, self.dock)
        self.part = Part("log", "Load log", self.dock, "tabs", "log")
        context.state.loads_added.connect(self._model.take)
        self.dock.view.opened.connect(self._find_file)

    @Slot(object)
    def _find_file(self, serial: int) -> None:
        entry = self._model.find(serial)
        if entry is not None:
            self._context.files_wanted.emit([(entry.event.lua, entry.event.key)])
