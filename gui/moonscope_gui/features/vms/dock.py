"""The VMs."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QWidget

from ...widgets.table_panel import TablePanel
from .model import VMsModel

_EMPTY = "There is no VM.\n\nSpawn some, or open Lua files: VMs are spawned for them."


class VMsDock(TablePanel):
    """Each VM of the engine."""

    def __init__(self, model: VMsModel, parent: QWidget | None = None) -> None:
        super().__init__(model, "vms", "VMs", _EMPTY, parent)
        self._ids: frozenset[int] = frozenset()
        self._selected: tuple[int, ...] = ()

    def selected(self) -> tuple[int, ...]:
        """Ascending; the same object for as long as the same VMs are selected."""
        ids = cast("frozenset[int]", self.view.selection.ids)
        if ids is not self._ids:
            self._ids, self._selected = ids, tuple(sorted(ids))
        return self._selected
