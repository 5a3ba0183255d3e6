"""Files of which versions are out of date: who runs old code, and compiling them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from moonscope.commands import Clear, InspectFile, Load
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError, UsageError

from ...link.context import Context
from ...link.task import Steps, ask, holders_of
from ...state.file_entry import FileEntry
from ...widgets import formats
from ...widgets.message_bar import Message
from ..feature import Feature


class VersionsFeature(Feature):
    """Works on the selected files."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.offer("recompile", "&Recompile…", "Compile the selected files that changed on disk anew, and load them "
                   "again in the VMs that hold them", self.recompile, {"&Cache": 210, "files": 310}, icon="recompile",
                   shortcut="Ctrl+B", usable=self.can_recompile)
        self.offer("old-code", "Show Who Runs &Old Code", "Select the VMs that hold old versions of the selected files",
                   self.select_old_code, {"&Cache": 220, "files": 320}, icon="vm",
                   usable=self.can_show_old_code)  # fmt: skip

    def can_show_old_code(self) -> bool:
        return not self._context.selection.file_ids().isdisjoint(self._context.state.replaced)

    def select_old_code(self) -> None:
        """Select the VMs that hold retired generations of the selected files."""
        entries = [entry for entry in self._context.selection.files() if entry.retired]
        generations = [old.id for entry in entries for old in entry.retired]
        self._context.holders_wanted.emit(generations, f"run old code of {self._name(entries)}")

    # Out of date

    def can_recompile(self) -> bool:
        return not self._context.selection.file_ids().isdisjoint(self._context.state.changed)

    def recompile(self) -> None:
        """Replace the cached version of the selected files that changed on disk; asked first."""
        entries = [entry for entry in self._context.selection.files() if entry.file.stale == "changed"]
        if not entries:
            return
        name = self._name(entries)
        it = "It" if len(entries) == 1 else "Each"
        text = (
            f"{name} changed on disk since {'it was' if len(entries) == 1 else 'they were'} compiled.\n\n"
            f"{it} is compiled anew and loaded again in the VMs that hold it "
            f"({formats.plural(max(e.generation.holders if e.generation else 0 for e in entries), 'VM')}). "
            "The functions these VMs have already go on running the old code; "
            "what any VM loads from now on is the new code.\n\n"
            "A file that does not compile stays in the cache as it is."
        )

        def go() -> None:
            failed = self._fail(f"Recompile {name}")
            self._context.tasks.start(f"Recompile {name}", _recompile_all(entries), self._recompiled, failed)

        from ...widgets.confirm import ConfirmDialog

        ConfirmDialog("Recompile", text, "Recompile", go, self._context.window).open()

    def _recompiled(self, troubles: list[str]) -> None:
        if troubles:
            self._context.say(Message("Not everything could be recompiled.", "\n".join(troubles)))
        else:
            self._context.note("Recompiled; VMs keep the old functions they have, and load the new ones from now on")

    def _fail(self, title: str) -> Callable[[MoonscopeError], object]:
        def tell(error: MoonscopeError) -> None:
            if not isinstance(error, (CancelledError, ConnectionLost)):
                self._context.say(Message(f"{title}: {error}"))

        return tell

    def _name(self, entries: Sequence[FileEntry]) -> str:
        if len(entries) == 1:
            return self._context.state.folder.short(entries[0].file.key)
        return formats.plural(len(entries), "file")


def _recompile_all(entries: Iterable[FileEntry]) -> Steps[list[str]]:
    """Returns what went wrong, a line for each file or VM."""
    troubles: list[str] = []
    for entry in entries:
        try:
            troubles += yield from _recompile(entry)
        except UsageError as error:
            troubles.append(f"{entry.file.key}: {error}")
    return troubles


def _recompile(entry: FileEntry) -> Steps[list[str]]:
    file = entry.file
    yield from ask(InspectFile(path=file.key, lua=file.lua))  # raises when it does not compile, and nothing is lost
    vms = yield from holders_of([entry.generation.id] if entry.generation else [])
    yield from ask(Clear(keys=(file.key,), lua=file.lua))
    if not vms:
        return []
    report = yield from ask(Load(paths=(file.key,), vms=vms))
    return [f"{failure.path}, VM {failure.vm}: {failure.message}" for failure in report.failures]
