"""Generations: which VMs keep old code in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QWidget

from ...widgets import formats
from ...widgets.buttons import tool_button
from ...widgets.table_panel import TablePanel
from .model import GenerationsModel, is_retired

_EMPTY = "No compiled file is in memory."


class GenerationsDock(TablePanel):
    """Current generations, and retired ones for as long as VMs hold them."""

    holders_wanted = Signal(int)  # id of the generation that is selected
    vms_wanted = Signal(object)  # ids of VMs to be selected

    def __init__(self, model: GenerationsModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "generations", "generations", _EMPTY, parent)
        self._shown: int | None = None
        self._holders: list[int] = []
        tip = "Show only generations that were cleared or replaced and are held by VMs"
        self.only_retired = tool_button("Only retired", tip, checked=False)
        self.only_retired.toggled.connect(lambda only: model.set_accept(is_retired if only else None))
        self.bar.insertWidget(1, self.only_retired)
        self._holders_line = QLabel(textFormat=Qt.TextFormat.RichText, wordWrap=True)
        self._holders_line.setObjectName("holders")
        self._holders_line.setContentsMargins(8, 4, 8, 4)
        self._holders_line.linkActivated.connect(lambda: self.vms_wanted.emit(self._holders))
        self._holders_line.hide()
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self._holders_line)
        self.view.chosen.connect(self._ask)

    def selected(self) -> list[int]:
        return cast("list[int]", self.view.selected_ids())

    @property
    def holders_text(self) -> str:
        return self._holders_line.text()

    def show_holders(self, generation: int, vms: Sequence[int]) -> None:
        """Say which VMs hold a generation; an answer about another than the selected one is dropped."""
        if generation != self._shown:
            return
        self._holders = list(vms)
        if vms:
            words = f"Generation {generation:,} is held by {formats.plural(len(vms), 'VM')}: {formats.ids(vms)}"
            self._holders_line.setText(f'{words} · <a href="#">select</a>')
        else:
            self._holders_line.setText(f"No VM holds generation {generation:,}.")
        self._holders_line.show()

    @Slot()
    def _ask(self) -> None:
        self._shown = cast("int | None", self.view.selection.only)
        if self._shown is None:
            self._holders_line.hide()
        else:
            self.holders_wanted.emit(self._shown)
