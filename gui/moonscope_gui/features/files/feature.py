"""Opening files and folders, and loading them in VMs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from moonscope.commands import Load, Spawn
from moonscope.model import FileFailure, LoadReport, SpawnReport, names

from ...link.context import Context
from ...state.engine_state import FileId
from ...state.lua_error import without_name
from ...widgets import formats
from ...widgets.file_drops import FileDrops
from ...widgets.message_bar import Message
from ...widgets.workspace import Part
from ..feature import TableFeature
from .dock import FilesDock
from .model import FilesModel

VMS_WHEN_NONE = 4  # spawned when files are opened and there is no VM


class FilesFeature(TableFeature):
    """The cached files. Files that are opened are loaded in all VMs; if there is none, some are spawned first."""

    def __init__(self, context: Context) -> None:
        model = FilesModel(context.state, context)
        self.dock = FilesDock(model)
        super().__init__(context, self.dock)
        self.part = Part("files", "Cached files", self.dock, "left", "file")
        self._late: list[str] = []  # paths to be opened as soon as there is an engine
        selection, state = context.selection, context.state
        selection.files, selection.file_ids = self.dock.selected, self.dock.selected_ids
        selection.files_in_sight = self.dock.in_sight
        state.files_changed.connect(model.take)
        state.verdicts_found.connect(model.refresh)
        state.settings_changed.connect(self._open_late)
        context.engine_changed.connect(self._take_focus)
        context.files_opened.connect(self.open_paths)
        FileDrops(context.window, self.open_paths)
        context.files_wanted.connect(self._reveal)
        self.dock.view.opened.connect(lambda _: context.prototypes_wanted.emit())
        self._offer_actions()

    def _offer_actions(self) -> None:
        state, selection = self._context.state, self._context.selection
        self.offer("open-folder", "&Open Folder…", "Load all .lua files of a folder in all VMs", self.choose_folder,
                   {"&File": 110, "toolbar": 110}, icon="open-folder", shortcut="Ctrl+Shift+O", button="Open Folder")
        self.offer("open-files", "Open &Files…", "Load Lua files in all VMs", self.choose_files,
                   {"&File": 120}, icon="open-file", shortcut="Ctrl+O")
        self.offer_menu("Open &Recent", {"&File": 130}, fill=self._fill_recent)
        self.offer("load-selected", "Load in S&elected VMs…",
                   "Load the selected files, or files you choose, in the selected VMs", self.load_selected,
                   {"&VMs": 210, "files": 120, "vms": 130}, icon="load", shortcut="Ctrl+Shift+L",
                   usable=lambda: bool(selection.vms()))
        self.offer("load-all", "&Load in All VMs…", "Load the selected files, or files you choose, in all VMs",
                   self.load_in_all, {"&VMs": 220, "files": 110, "toolbar": 210}, icon="load", shortcut="Ctrl+L",
                   usable=lambda: bool(state.vms), button="Load in All")  # fmt: skip

    def choose_files(self) -> None:
        chooser = self._chooser("Open Lua files", QFileDialog.FileMode.ExistingFiles)
        chooser.filesSelected.connect(self.open_paths)
        chooser.open()

    def choose_folder(self) -> None:
        chooser = self._chooser("Open a folder of Lua files", QFileDialog.FileMode.Directory)
        chooser.filesSelected.connect(self.open_paths)
        chooser.open()

    @Slot(object)
    def open_paths(self, paths: Sequence[str]) -> None:
        """Load files, and the `.lua` files of folders, in all VMs, now or as soon as there is an engine.

        `paths` are the system's.
        """
        if not self._context.link.is_connected or self._context.state.settings is None:
            self._late.extend(paths)
            return
        absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - resolves no links, as a key must not
        for path in reversed(absolute):
            self._context.settings.add_recent(path)
        self._load_spawning(tuple(map(names.of_path, absolute)))

    @Slot()
    def _open_late(self) -> None:
        paths, self._late = self._late, []
        if paths:
            self.open_paths(paths)

    def _fill_recent(self, menu: QMenu) -> None:
        menu.clear()
        for path in self._context.settings.recent:
            action = menu.addAction(path.replace("&", "&&"), partial(self.open_paths, [path]))
            action.setEnabled(self._context.link.is_connected and os.path.exists(path))  # noqa: PTH110
        if not self._context.settings.recent:
            menu.addAction("Nothing was opened yet").setEnabled(False)
            return
        menu.addSeparator()
        menu.addAction("Forget These", self._context.settings.forget_recent)

    @Slot(bool)
    def _take_focus(self, connected: bool) -> None:
        """The keyboard went elsewhere while the table could not take it."""
        if connected and self._context.window.focusWidget() in (None, self.dock.filter):
            self.dock.view.setFocus()

    @Slot(object)
    def _reveal(self, ids: Sequence[FileId]) -> None:
        self._context.part_wanted.emit("files")
        self.dock.reveal(ids)

    def load_selected(self) -> None:
        """Load the selected files, or files to be chosen, in the selected VMs."""
        vms = self._context.selection.vms()
        if vms:  # none would mean all
            self._load_in(vms)

    def load_in_all(self) -> None:
        """Load the selected files, or files to be chosen, in all VMs."""
        self._load_in(())

    def _load_in(self, vms: tuple[int, ...]) -> None:
        keys = tuple(dict.fromkeys(entry.file.key for entry in self._context.selection.files()))
        if keys:
            self._load(keys, vms)
            return
        chooser = self._chooser("Load Lua files", QFileDialog.FileMode.ExistingFiles)
        chooser.filesSelected.connect(lambda paths: self._load(tuple(map(names.of_path, paths)), vms))
        chooser.open()

    def _load_spawning(self, paths: tuple[str, ...]) -> None:
        if self._context.state.vms:
            self._load(paths, ())
            return

        def spawned(report: SpawnReport) -> None:
            self._context.note(f"There was no VM: {formats.plural(len(report.vms), 'VM')} spawned")
            self._load(paths, report.vms)

        self._context.tasks.start(f"Spawn {VMS_WHEN_NONE} VMs", Spawn(count=VMS_WHEN_NONE), spawned)

    def _load(self, paths: tuple[str, ...], vms: tuple[int, ...]) -> None:
        what = os.path.basename(paths[0]) or paths[0] if len(paths) == 1 else f"{len(paths):,} paths"  # noqa: PTH119
        self._context.tasks.start(f"Load {what}", Load(paths=paths, vms=vms), lambda report: self._report(report, what))

    def _report(self, report: LoadReport, what: str) -> None:
        where = f"in {formats.plural(report.vms, 'VM')}"
        if report.failed:
            self._context.say(failures_message(report, where))
        elif not report.files:
            self._context.say(Message(f"There is no .lua file in {what}.", kind="warning"))
        else:
            self._context.note(f"{formats.plural(report.files, 'file')} loaded {where}")

    def _chooser(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        chooser = QFileDialog(self._context.window, title)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(mode)
        if mode == QFileDialog.FileMode.ExistingFiles:
            chooser.setNameFilters(["Lua files (*.lua)", "All files (*)"])
        return chooser


def failures_message(report: LoadReport, where: str) -> Message:
    """What failed, each file once with the VMs it failed in."""
    by_cause: dict[tuple[str, str], list[FileFailure]] = {}
    for failure in report.failures:
        by_cause.setdefault((failure.path, failure.message), []).append(failure)
    lines = []
    for (path, message), failures in by_cause.items():
        vms = [failure.vm for failure in failures if failure.vm]
        lines.append(f"{path}: {without_name(message, path)}" + (f"  (VM {formats.ids(vms)})" if vms else ""))
    if report.failed > len(report.failures):
        lines.append(f"and {report.failed - len(report.failures):,} more loads that failed")
    failed = {path for path, _ in by_cause}
    tried = {failure.path for failure in report.failures if failure.vm}  # the others were not found, or are no files
    text = f"{formats.plural(len(failed), 'file')} could not be loaded {where}"
    if failed and report.files > len(tried):
        text += f"; {formats.plural(report.files - len(tried), 'other')} loaded"
    return Message(f"{text}.", "\n".join(lines), kind="warning" if report.loaded else "error")
