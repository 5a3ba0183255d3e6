"""Opening files and folders, and loading them in VMs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from moonscope.commands import Load, Spawn
from moonscope.model import FileFailure, LoadReport, SpawnReport, names

from ...link.desk import Desk
from ...state.lua_error import without_name
from ...state.settings import WindowSettings
from ...widgets import formats
from ...widgets.message_bar import Message

VMS_WHEN_NONE = 4  # spawned when files are opened and there is no VM


class FilesFlow(QObject):
    """Files that are opened are loaded in all VMs; if there is none, some are spawned first."""

    def __init__(self, desk: Desk, settings: WindowSettings) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._settings = settings

    def choose_files(self) -> None:
        chooser = self._chooser("Open Lua files", QFileDialog.FileMode.ExistingFiles)
        chooser.filesSelected.connect(self.open_paths)
        chooser.open()

    def choose_folder(self) -> None:
        chooser = self._chooser("Open a folder of Lua files", QFileDialog.FileMode.Directory)
        chooser.filesSelected.connect(self.open_paths)
        chooser.open()

    def open_paths(self, paths: Sequence[str]) -> None:
        """Load files, and the `.lua` files of folders, in all VMs. `paths` are the system's."""
        absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - resolves no links, as a key must not
        for path in reversed(absolute):
            self._settings.add_recent(path)
        self._load_spawning(tuple(map(names.of_path, absolute)))

    def load_selected(self) -> None:
        """Load the selected files, or files to be chosen, in the selected VMs."""
        vms = self._desk.selected_vms()
        if vms:  # none would mean all
            self._load_in(vms)

    def load_in_all(self) -> None:
        """Load the selected files, or files to be chosen, in all VMs."""
        self._load_in(())

    def _load_in(self, vms: tuple[int, ...]) -> None:
        keys = tuple(dict.fromkeys(entry.file.key for entry in self._desk.selected_files()))
        if keys:
            self._load(keys, vms)
            return
        chooser = self._chooser("Load Lua files", QFileDialog.FileMode.ExistingFiles)
        chooser.filesSelected.connect(lambda paths: self._load(tuple(map(names.of_path, paths)), vms))
        chooser.open()

    def _load_spawning(self, paths: tuple[str, ...]) -> None:
        if self._desk.state.vms:
            self._load(paths, ())
            return

        def spawned(report: SpawnReport) -> None:
            self._desk.note(f"There was no VM: {formats.plural(len(report.vms), 'VM')} spawned")
            self._load(paths, report.vms)

        self._desk.jobs.start(f"Spawn {VMS_WHEN_NONE} VMs", Spawn(count=VMS_WHEN_NONE), spawned)

    def _load(self, paths: tuple[str, ...], vms: tuple[int, ...]) -> None:
        what = os.path.basename(paths[0]) or paths[0] if len(paths) == 1 else f"{len(paths):,} paths"  # noqa: PTH119
        self._desk.jobs.start(f"Load {what}", Load(paths=paths, vms=vms), lambda report: self._report(report, what))

    def _report(self, report: LoadReport, what: str) -> None:
        where = f"in {formats.plural(report.vms, 'VM')}"
        if report.failed:
            self._desk.say(failures_message(report, where))
        elif not report.files:
            self._desk.say(Message(f"There is no .lua file in {what}.", kind="warning"))
        else:
            self._desk.note(f"{formats.plural(report.files, 'file')} loaded {where}")

    def _chooser(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        chooser = QFileDialog(self._desk.window, title)
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
