"""Clearing the cache: all, the selected files, or by pattern, always after a dry run; and its limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from moonscope.commands import Clear, SetLimits
from moonscope.errors import MoonscopeError
from moonscope.model import ClearReport

from ...link.context import Context
from ...widgets import formats
from ..feature import Feature


class ClearFeature(Feature):
    """What drops files from the cache."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)

        def any_file() -> bool:
            return bool(context.state.files)

        self.offer("evict", "&Evict Selected Files…", "Drop the selected files from the cache, after a dry run",
                   self.evict_selected, {"&Cache": 310, "files": 510}, icon="evict", shortcut="Del", in_table=True,
                   usable=lambda: bool(context.selection.file_ids()))
        self.offer("evict-pattern", "Evict by &Pattern…",
                   "Drop files from the cache by a pattern of names, after a dry run", self.evict_pattern,
                   {"&Cache": 320, "files": 520}, icon="evict", shortcut="Ctrl+Shift+E", usable=any_file)
        self.offer("clear", "&Clear Cache…", "Drop all files from the cache, after a dry run", self.clear_all,
                   {"&Cache": 410, "toolbar": 900}, icon="clear", shortcut="Ctrl+Shift+Del", usable=any_file,
                   button="Clear Cache")
        self.offer("limits", "&Limits…", "Set how much the cache of each Lua may store", self.choose_limits,
                   {"&Cache": 510})  # fmt: skip

    def clear_all(self) -> None:
        text = "All files will be dropped from the cache and compiled anew when loaded."
        self._open("Clear the cache", text, Clear())

    def evict_selected(self) -> None:
        entries = self._context.selection.files()
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
        settings = self._context.state.settings
        if settings is None:
            return
        from .limits_dialog import LimitsDialog

        LimitsDialog(settings.cache_bytes, settings.cache_files, self._set_limits, self._context.window).open()

    def _set_limits(self, command: SetLimits) -> None:
        words = formats.limits(command.cache_bytes, command.cache_files) or "no limits"
        done = partial(self._context.note, f"Cache of each Lua: {words}")
        self._context.tasks.start("Limits of the cache", command, lambda _: done())

    def _open(self, title: str, text: str, question: Clear | None) -> None:
        from .dialog import ClearDialog

        ClearDialog(title, text, question, self._ask, self._clear, self._context.window).open()

    def _ask(
        self, command: Clear, done: Callable[[ClearReport], object], failed: Callable[[MoonscopeError], object]
    ) -> object:
        return self._context.tasks.start("See what a clear would do", command, done, failed)

    def _clear(self, command: Clear) -> None:
        self._context.tasks.start("Clear the cache", command, self._cleared)

    def _cleared(self, report: ClearReport) -> None:
        words = f"{formats.plural(report.files, 'file')} cleared, {formats.size(report.freed_bytes)} freed"
        if report.retained_bytes:
            holders = formats.plural(len(report.vms_on_old_code), "VM")
            words += f", {formats.size(report.retained_bytes)} kept by {holders}"
        self._context.note(words)
