"""The main window: assembly of models, docks, flows and actions, and what goes from one to the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QVBoxLayout, QWidget

from moonscope.model import GenerationRow, LookFunction, LuaVersion, Update

from ..features.cache_map.flow import CacheMapFlow
from ..features.clear.flow import CacheFlow
from ..features.compare.flow import CompareFlow
from ..features.console.dock import ConsoleDock
from ..features.console.flow import ConsoleFlow
from ..features.engine.flow import TOPIC, EngineFlow
from ..features.export.flow import ExportFlow
from ..features.files.dock import FilesDock
from ..features.files.flow import FilesFlow
from ..features.files.model import FilesModel
from ..features.generations.dock import GenerationsDock
from ..features.generations.model import GenerationsModel
from ..features.inspector.dock import PrototypesDock
from ..features.inspector.flow import InspectionFlow
from ..features.inspector.places import Path
from ..features.interrupts.flow import InterruptFlow
from ..features.log.dock import LogDock
from ..features.log.model import LogModel
from ..features.look.closures import ClosuresFlow
from ..features.look.dock import LookDock
from ..features.look.flow import LookFlow
from ..features.plots.dock import PlotsDock
from ..features.verdicts.flow import VerdictsFlow
from ..features.versions.flow import VersionsFlow
from ..features.vms.dock import VMsDock
from ..features.vms.flow import VMsFlow
from ..features.vms.model import VMsModel
from ..features.what_if.flow import WhatIfFlow
from ..link.desk import Desk
from ..link.engine_link import EngineLink
from ..link.jobs import Jobs
from ..state.engine_state import EngineState
from ..state.settings import WindowSettings
from ..widgets import icons, theme
from ..widgets.command_palette import CommandPalette
from ..widgets.message_bar import Message, MessageBar
from ..widgets.table_panel import TablePanel
from ..widgets.workspace import Part, Workspace
from . import actions, commands
from .layout import Layout
from .menus import build_context_menus, build_menus, build_toolbar
from .status import StatusBar


class MainWindow(QMainWindow):
    """Everything a person sees of one engine. It owns `link`, which may be connected before or after."""

    def __init__(self, link: EngineLink, settings: WindowSettings) -> None:
        super().__init__()
        self.setWindowTitle("Moonscope")
        self.setWindowIcon(icons.app_icon())
        self.setAcceptDrops(True)
        link.setParent(self)  # so that its connections, which hold the window, end with it
        self.link = link
        self.settings = settings
        self.state = EngineState()
        self.jobs = Jobs(link, self)
        self._opened_late: list[str] = []  # paths to be opened as soon as there is an engine
        self._build_docks()
        self._build_frame()
        self._build_flows()
        self._build_actions()
        self._connect()
        self.layout_.restore()
        self._show_gone(connecting=True)

    # Assembly

    def _build_docks(self) -> None:
        files, vms = FilesModel(self.state, self), VMsModel(self.state, self)
        generations, log = GenerationsModel(self.state, self), LogModel(self.state, self)
        self.models = (files, vms, generations, log)
        self.files, self.vms = FilesDock(files), VMsDock(vms)
        self.generations, self.log = GenerationsDock(generations), LogDock(log)
        self.plots = PlotsDock()
        self.prototypes = PrototypesDock()
        self.console = ConsoleDock(self.settings.history)
        self.look = LookDock()
        self.panels: tuple[TablePanel, ...] = (self.files, self.vms, self.generations, self.log)

    def _build_frame(self) -> None:
        self.workspace = Workspace((
            Part("files", "Cached files", self.files, "left", icons.icon("file")),
            Part("vms", "VMs", self.vms, "right", icons.icon("vm")),
            Part("plots", "Live plots", self.plots, "bottom", icons.icon("plot")),
            Part("prototypes", "Prototypes", self.prototypes, "tabs", icons.icon("prototype")),
            Part("console", "Console", self.console, "tabs", icons.icon("console")),
            Part("look", "Look into VM", self.look, "tabs", icons.icon("look")),
            Part("log", "Load log", self.log, "tabs", icons.icon("log")),
            Part("generations", "Generations", self.generations, "tabs", icons.icon("generation")),
        ))  # fmt: skip
        self.messages = MessageBar()
        frame = QWidget()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self.workspace, 1)
        self.setCentralWidget(frame)
        self.status = StatusBar(self.state)
        self.setStatusBar(self.status)
        self.layout_ = Layout(self, self.workspace, self.panels, self.plots, self.settings)

    def _build_flows(self) -> None:
        desk = Desk(
            window=self,
            jobs=self.jobs,
            state=self.state,
            say=self.messages.show_message,
            note=self.status.show_note,
            selected_vms=self.vms.selected,
            selected_files=self.files.selected,
            selected_file_ids=self.files.selected_ids,
        )
        self.files_flow = FilesFlow(desk, self.settings)
        self.vms_flow = VMsFlow(desk)
        self.cache_flow = CacheFlow(desk)
        self.compare_flow = CompareFlow(desk)
        self.verdicts_flow = VerdictsFlow(desk, self.link, self.files, self._show_place)
        self.what_if_flow = WhatIfFlow(desk, self.link)
        self.versions_flow = VersionsFlow(desk, self.generations.selected, self.select_vms)
        self.engine_flow = EngineFlow(desk, self.link)
        self.interrupt_flow = InterruptFlow(desk, self.engine_flow.restart)
        self.console_flow = ConsoleFlow(desk, self.console, self.settings)
        self.export_flow = ExportFlow(desk, self.current_table)
        sees = self.workspace.sees
        self.inspection = InspectionFlow(desk, self.prototypes, self.generations, partial(sees, "prototypes"))
        self.look_flow = LookFlow(desk, self.look, partial(sees, "look"), self._show_prototype, self.select_vms)
        self.cache_map_flow = CacheMapFlow(desk, self.link, self._show_place)
        self.prototypes.cache_wanted.connect(self.cache_map_flow.open)
        self.closures_flow = ClosuresFlow(desk, self.prototypes, self.select_vms)
        self.look.closures_wanted.connect(self.closures_flow.find)

    def _build_actions(self) -> None:
        self.actions_ = actions.Actions(self)
        self.actions_.bind(commands.calls(self))
        build_menus(self, self.actions_, self.workspace, self._fill_recent)
        self.actions_[f"theme-{self.settings.theme}"].setChecked(True)
        self.toolbar = build_toolbar(self, self.actions_)
        build_context_menus(self.actions_, *(panel.view for panel in self.panels))

    def _connect(self) -> None:
        link = self.link
        link.connecting.connect(lambda words: self._show_gone(words, connecting=True))
        link.connected.connect(self._show_connected)
        link.answering.connect(self.status.show_answering)
        link.updated.connect(self._take)
        link.lost.connect(lambda: self._show_gone())
        self.jobs.changed.connect(lambda: self.status.show_jobs(self.jobs.running))
        self.jobs.failed.connect(lambda title, text: self.messages.show_message(Message(f"{title}: {text}")))
        self.files.view.chosen.connect(self.inspection.follow)
        self.vms.view.chosen.connect(self.console_flow.retarget)
        self.vms.view.chosen.connect(self.look_flow.follow)
        self.workspace.docks["look"].visibilityChanged.connect(lambda _: self.look_flow.follow())
        for panel in self.panels:
            panel.view.chosen.connect(self._enable)
        self.workspace.docks["prototypes"].visibilityChanged.connect(lambda _: self.inspection.follow())
        self.files.view.opened.connect(lambda _: self.workspace.show_part("prototypes"))
        self.files.view.opened.connect(lambda _: self.inspection.show_selected())
        self.vms.view.opened.connect(lambda _: self._open_console())
        self.log.view.opened.connect(self._find_loaded_file)
        self.generations.vms_wanted.connect(self.select_vms)
        self.generations.view.opened.connect(lambda _: self.versions_flow.select_holders())

    # The engine

    @Slot(int)
    def _show_connected(self, pid: int) -> None:
        self.messages.withdraw(TOPIC)
        where = "" if self.link.is_own_host else "attached, "
        self.status.show_connection(f"{where}host {pid}", "running")
        self.plots.reset()
        self.inspection.forget()
        self.look_flow.forget()
        self.verdicts_flow.forget()
        self.cache_map_flow.forget()
        self._set_connected(True)
        if self.actions_["pause"].isChecked():  # what was held belonged to an engine that is gone
            self.actions_["pause"].trigger()
        if self.focusWidget() in (None, self.files.filter):  # where it went while the table could not take it
            self.files.view.setFocus()

    @Slot(object)
    def _take(self, update: Update) -> None:
        """Everything new, once: first the state, then all that shows it."""
        self.state.apply(update)
        for model in self.models:
            model.take(update)
        self.status.add_samples(update.samples)
        self.status.refresh()
        self.plots.add_samples(update.samples)
        self.plots.add_marks(update.marks)
        self.console.show_output(update.output)
        if update.files:
            self.inspection.follow()
        self.verdicts_flow.follow()
        if update.generations or update.generations_gone:
            self.cache_map_flow.follow()
        if update.settings is not None:
            self.actions_[f"default-{update.settings.default_mode.value}"].setChecked(True)
        self.console_flow.retarget()
        self.look_flow.follow()
        self._enable()
        if self._opened_late and self.link.is_connected:
            paths, self._opened_late = self._opened_late, []
            self.files_flow.open_paths(paths)

    def _show_gone(self, words: str = "Starting", connecting: bool = False) -> None:
        """No engine: numbers that were its are not shown as if they held."""
        self.status.forget()
        self.status.show_connection(f"{words} …" if connecting else "No engine", "muted" if connecting else "danger")
        self.console_flow.forget()
        self._set_connected(False)

    def _set_connected(self, connected: bool) -> None:
        for panel in self.panels:
            panel.set_connected(connected)
        self.plots.set_connected(connected)
        self.prototypes.setEnabled(connected)
        self.look.setEnabled(connected)
        self._enable()

    @Slot()
    def _enable(self) -> None:
        """Offer only what can be done."""
        self.actions_.enable(commands.needs_met(self))

    # What actions do that is the window's own matter

    def open_paths(self, paths: Sequence[str]) -> None:
        """Load files and folders, now or as soon as there is an engine."""
        if self.link.is_connected and self.state.settings is not None:
            self.files_flow.open_paths(paths)
        else:
            self._opened_late.extend(paths)

    def current_table(self) -> TablePanel:
        """The table that has the focus, else the files."""
        widget: QWidget | None = self.focusWidget()
        while widget is not None and not isinstance(widget, TablePanel):
            widget = widget.parentWidget()
        return widget or self.files

    def set_paused(self, paused: bool) -> None:
        self.link.set_paused(paused)
        self.plots.set_paused(paused)
        self.status.show_note("The view is paused; the engine goes on" if paused else "The view goes on")

    def set_theme(self, name: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self.settings.theme = name
        theme.apply(app, name)

    def show_palette(self) -> None:
        found = [action for action in self.actions_.all() if action.objectName() != "palette"]
        palette = CommandPalette([*found, *self.workspace.go_actions], self)
        palette.show()

    def _fill_recent(self, menu: QMenu) -> None:
        menu.clear()
        for path in self.settings.recent:
            action = menu.addAction(path.replace("&", "&&"), partial(self.open_paths, [path]))
            action.setEnabled(self.link.is_connected and os.path.exists(path))  # noqa: PTH110
        if not self.settings.recent:
            menu.addAction("Nothing was opened yet").setEnabled(False)
            return
        menu.addSeparator()
        menu.addAction("Forget These", self.settings.forget_recent)

    def look_into(self) -> None:
        """Show what is in the selected VM."""
        self.workspace.show_part("look")
        self.look.setFocus()
        self.look_flow.look_into()

    def _show_place(self, row: GenerationRow, path: Path, line: int = 0, mention: str = "") -> None:
        self.workspace.show_part("prototypes")
        self.activateWindow()
        self.inspection.show_place(row, path, line, mention)

    def _show_prototype(self, function: LookFunction, lua: LuaVersion) -> None:
        self.workspace.show_part("prototypes")
        self.inspection.show_function(function, lua)

    def _open_console(self) -> None:
        self.workspace.show_part("console")
        self.console.setFocus()

    @Slot(object)
    def _find_loaded_file(self, serial: int) -> None:
        entry = self.log.model.find(serial)
        if entry is not None:
            self.workspace.show_part("files")
            self.files.reveal([(entry.event.lua, entry.event.key)])

    def select_vms(self, ids: Sequence[int]) -> None:
        self.workspace.show_part("vms")
        self.vms.reveal(ids)

    # The frame of it all

    def focusNextPrevChild(self, onward: bool) -> bool:
        """Tab passes over docks that are behind others."""
        start = self.focusWidget()
        while super().focusNextPrevChild(onward):
            if self.focusWidget() is start or not self.workspace.hides(self.focusWidget()):
                return True
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.layout_.shown()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.layout_.save()
        self.link.close()
        super().closeEvent(event)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.open_paths(_local_paths(event))


def _local_paths(event: QDropEvent) -> list[str]:
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
