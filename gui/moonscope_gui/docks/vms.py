"""The VMs."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QWidget

from ..models.vms import VMsModel
from ..views.table_panel import TablePanel

_EMPTY = "There is no VM.\n\nSpawn some, or open Lua files: VMs are spawned for them."


class VMsDock(TablePanel):
    """Each VM of the engine."""

    def __init__(self, model: VMsModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "vms", "VMs", _EMPTY, parent)

    def selected(self) -> list[int]:
        return sorted(cast("list[int]", self.view.selected_ids()))
