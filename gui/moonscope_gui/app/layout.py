"""Where things are in the window, from one session to the next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from ..features.feature import Feature
from ..state.settings import WindowSettings
from ..widgets.workspace import Workspace

_FIRST_SIZE = 1280, 800


class Layout(QObject):
    """Size and place of the window and its docks, and what features remember of theirs."""

    def __init__(
        self, window: QWidget, workspace: Workspace, features: Sequence[Feature], settings: WindowSettings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._features = features
        self._settings = settings
        self._docks_pending = True

    def restore(self) -> None:
        """All but the docks, which take sizes only once the window has its own: see `shown`."""
        geometry = self._settings.layout("geometry")
        if geometry is None or not self._window.restoreGeometry(geometry):
            self._window.resize(*_FIRST_SIZE)
        for feature in self._features:
            feature.restore_layout(self._settings)

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
        for feature in self._features:
            feature.save_layout(self._settings)
        self._settings.save()

    def reset(self) -> None:
        """As at the first start."""
        self._settings.forget_layout()
        self._workspace.reset()
        for feature in self._features:
            feature.reset_layout()
