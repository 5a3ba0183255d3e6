"""Clearing the cache: all, the selected files, or by pattern, always after a dry run; and its limits."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from moonscope.commands import Clear, SetLimits
from moonscope.errors import MoonscopeError
from moonscope.model import ClearReport

from ...link.desk import Desk
from ...widgets import formats


class CacheFlow(QObject):
    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.window)
        self._desk = desk

    def clear_all(self) -> None:
        text = "All files will be dropped from the cache and compiled anew when loaded."
        self._open("Clear the cache", text, Clear())

    def evict_selected(self) -> None:
        entries = self._desk.selected_files()
        if not entries:
            return
        luas = {entry.file.lua for entry in entries}
        question = Clear(
            keys=tuple(dict.fromkeys(entry.file.key for entry in entries)),
            lua=luas.pop() if len(luas) == 1 else None,
        )
        what = entries[0].file.key if len(entries) == 1 else formats.plural(len(entries), "file")
        self._open("Evict files", f"{what} will be dropped from the cache and compiled anew when loaded.", question)

    def evict_pattern(self) -> None:
        self._open("Evict by pattern", "Files whose names match will be dropped from the cache:", None)

    def choose_limits(self) -> None:
        settings = self._desk.state.settings
        if settings is None:
            return
        from .limits_dialog import LimitsDialog

        LimitsDialog(settings.cache_bytes, settings.cache_files, self._set_limits, self._desk.window).open()

    def _set_limits(self, command: SetLimits) -> None:
        words = formats.limits(command.cache_bytes, command.cache_files) or "no limits"
        self._desk.jobs.start("Limits of the cache", command, lambda _: self._desk.note(f"Cache of each Lua: {words}"))

    def _open(self, title: str, text: str, question: Clear | None) -> None:
        from .dialog import ClearDialog

        ClearDialog(title, text, question, self._ask, self._clear, self._desk.window).open()

    def _ask(
        self, command: Clear, done: Callable[[ClearReport], object], failed: Callable[[MoonscopeError], object]
    ) -> object:
        return self._desk.jobs.start("See what a clear would do", command, done, failed)

    def _clear(self, command: Clear) -> None:
        self._desk.jobs.start("Clear the cache", command, self._cleared)

    def _cleared(self, report: ClearReport) -> None:
        words = f"{formats.plural(report.files, 'file')} cleared, {formats.size(report.freed_bytes)} freed"
        if report.retained_bytes:
            holders = formats.plural(len(report.vms_on_old_code), "VM")
            words += f", {formats.size(report.retained_bytes)} kept by {holders}"
        self._desk.note(words)
