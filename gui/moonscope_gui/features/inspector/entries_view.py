"""A table of constants, upvalues or locals, filled when it is first seen."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from ...widgets import theme
from ...widgets.table_view import TableView
from .tables import EntriesModel

_LEAST_COLUMN = 22  # pixels; the mark of what the selected instruction is concerned with needs no more


class EntriesView(TableView):
    def __init__(self, model: EntriesModel, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(model, placeholder, parent)
        self._entries = model
        self.setFont(theme.fixed_font())
        self.horizontalHeader().setMinimumSectionSize(_LEAST_COLUMN)

    def fill(self) -> None:
        """The model has something new to show; the listing, which people look at first, is painted before."""
        self.scrollToTop()
        QTimer.singleShot(0, self, self._fill_seen)

    @Slot()
    def _fill_seen(self) -> None:
        if self.isVisible():
            self._entries.fill()

    def showEvent(self, event: QShowEvent) -> None:
        self._entries.fill()
        super().showEvent(event)
