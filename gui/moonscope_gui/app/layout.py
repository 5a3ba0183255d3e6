"""Where things are in the window, from one session to the next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from ..features.plots.dock import PlotsDock
from ..state.settings import WindowSettings
from ..widgets.table_panel import TablePanel
from ..widgets.workspace import Workspace

_FIRST_SIZE = 1280, 800


class Layout(QObject):
    """Size and place of the window, its docks, the columns of its tables, the time range of its plots."""

    def __init__(
        self, window: QWidget, workspace: Workspace, tables: Sequence[TablePanel], plots: PlotsDock,
        settings: WindowSettings,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._tables = tables
        self._plots = plots
        self._settings = settings
        self._docks_pending = True

    def restore(self) -> None:
        """All but the docks, which take sizes only once the window has its own: see `shown`."""
        geometry = self._settings.layout("geometry")
        if geometry is None or not self._window.restoreGeometry(geometry):
            self._window.resize(*_FIRST_SIZE)
        for table in self._tables:
            table.view.restore_columns(self._settings.layout(f"header-{table.name}"))
        self._plots.choose_range(self._settings.plot_range)

    def shown(self) -> None:
        """The window is on the screen."""
        if self._docks_pending:
            self._docks_pending = False
            QTimer.singleShot(0, self, self._restore_docks)

    @Slot()
    def _restore_docks(self) -> None:
        if not self._workspace.restore_layout(self._settings.layout("docks")):
            self._workspace.balance()

    def save(self) -> None:
        self._settings.set_layout("geometry", self._window.saveGeometry())
        self._settings.set_layout("docks", self._workspace.save_layout())
        for table in self._tables:
            columns = table.view.save_columns()
            if columns is not None:
                self._settings.set_layout(f"header-{table.name}", columns)
        self._settings.plot_range = self._plots.range_name
        self._settings.save()

    def reset(self) -> None:
        """As at the first start."""
        self._settings.forget_layout()
        self._workspace.reset()
        for table in self._tables:
            table.view.restore_columns(None)
