"""The main window: puts together what features bring, and knows none of them by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import Slot
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from ..features import FEATURES
from ..features.feature import Feature
from ..link.context import Context
from ..link.engine_link import EngineLink
from ..state.settings import WindowSettings
from ..widgets import icons
from ..widgets.layouts import stack
from ..widgets.message_bar import Message, MessageBar
from ..widgets.workspace import Workspace
from .layout import Layout
from .menus import build_menus
from .status import StatusBar
from .view import ViewFeature

F = TypeVar("F", bound=Feature)


class MainWindow(QMainWindow):
    """Everything a person sees of one engine. It owns `link`, which may be connected before or after."""

    def __init__(self, link: EngineLink, settings: WindowSettings) -> None:
        super().__init__()
        self.setWindowTitle("Moonscope")
        self.setWindowIcon(icons.app_icon())
        link.setParent(self)  # so that its connections, which hold the window, end with it
        self.context = Context(self, link, settings)
        self.link, self.tasks, self.state = link, self.context.tasks, self.context.state
        self.features = features = [feature(self.context) for feature in FEATURES]
        self.workspace = Workspace([feature.part for feature in features if feature.part is not None])
        self.context.sees = self.workspace.sees
        self.messages = MessageBar()
        self.status = StatusBar(self.context)
        self._layout = Layout(self, self.workspace, features, settings)
        features.append(ViewFeature(self.context, self.workspace, self._layout.reset, lambda: self.actions_.values()))
        self.actions_ = {each.objectName(): each for feature in features for each in feature.actions}
        self._build_frame()
        self.toolbar = build_menus(self, features)
        self._connect()
        self._layout.restore()
        self._show_gone("Starting", connecting=True)

    def _build_frame(self) -> None:
        frame = QWidget()
        layout = stack(frame)
        layout.addWidget(self.messages)
        layout.addWidget(self.workspace, 1)
        self.setCentralWidget(frame)
        self.setStatusBar(self.status)

    def _connect(self) -> None:
        context, link = self.context, self.link
        link.connecting.connect(lambda words: self._show_gone(words, connecting=True))
        link.connected.connect(self._show_connected)
        link.updated.connect(self.state.apply)
        link.lost.connect(lambda: self._show_gone("", connecting=False))
        self.tasks.failed.connect(lambda title, text: self.messages.show_message(Message(f"{title}: {text}")))
        self.state.updated.connect(self._refresh_actions)
        context.selection_changed.connect(self._refresh_actions)
        context.said.connect(self.messages.show_message)
        context.withdrawn.connect(self.messages.withdraw)
        context.part_wanted.connect(self.workspace.show_part)
        context.part_focused.connect(self.workspace.go)
        self.workspace.part_seen.connect(context.part_seen)

    @Slot(int)
    def _show_connected(self, pid: int) -> None:
        where = "" if self.link.is_own_host else "attached, "
        self.status.show_connection(f"{where}host {pid}", "running")
        self.context.engine_changed.emit(True)
        self._refresh_actions()

    def _show_gone(self, words: str, connecting: bool) -> None:
        """No engine: numbers that were its are not shown as if they held."""
        self.status.forget()
        self.status.show_connection(f"{words} …" if connecting else "No engine", "muted" if connecting else "danger")
        self.context.engine_changed.emit(False)
        self._refresh_actions()

    @Slot()
    def _refresh_actions(self) -> None:
        """Offer only what can be done."""
        for action in self.actions_.values():
            action.refresh()

    def feature(self, kind: type[F]) -> F:
        """The feature of this class. For demonstrations and tests: features ask each other through the context."""
        return next(feature for feature in self.features if isinstance(feature, kind))

    def open_paths(self, paths: Sequence[str]) -> None:
        """Load files and folders, now or as soon as there is an engine."""
        self.context.files_opened.emit(paths)

    def focusNextPrevChild(self, onward: bool) -> bool:
        """Tab passes over docks that are behind others."""
        start = self.focusWidget()
        while super().focusNextPrevChild(onward):
            if self.focusWidget() is start or not self.workspace.hides(self.focusWidget()):
                return True
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._layout.shown()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._layout.save()
        self.link.close()
        super().closeEvent(event)
