"""The versions of files in memory: which VMs hold them, and replacing those that are out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QObject

from moonscope.commands import Clear, Holders, InspectFile, Load
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError, NotFoundError, UsageError

from ...link.desk import Desk
from ...link.steps import Steps, Walk, ask
from ...state.file_entry import FileEntry
from ...widgets import formats
from ...widgets.message_bar import Message

SelectVMs = Callable[[Sequence[int]], object]


class VersionsFlow(QObject):
    """Works on the selected generations, or on the selected files."""

    def __init__(self, desk: Desk, selected_generations: Callable[[], Sequence[int]], select_vms: SelectVMs) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._selected_generations = selected_generations
        self._select_vms = select_vms

    # Who holds what

    def select_holders(self) -> None:
        """Select the VMs that hold any of the selected generations."""
        generations = self._selected_generations()
        what = f"generation {generations[0]:,}" if len(generations) == 1 else f"{len(generations):,} generations"
        self._select(generations, f"hold {what}")

    def can_show_old_code(self) -> bool:
        return not self._desk.selected_file_ids().isdisjoint(self._desk.state.replaced)

    def select_old_code(self) -> None:
        """Select the VMs that hold retired generations of the selected files."""
        entries = [entry for entry in self._desk.selected_files() if entry.retired]
        self._select([old.id for entry in entries for old in entry.retired], f"run old code of {self._name(entries)}")

    def _select(self, generations: Sequence[int], words: str) -> None:
        def done(vms: tuple[int, ...]) -> None:
            self._select_vms(vms)
            self._desk.note(f"{formats.plural(len(vms), 'VM')} {words}{': ' if vms else ''}{formats.ids(vms)}")

        Walk(self._desk.jobs, "Find the holders", _holders(generations), done, self._fail("Find the holders"))

    # Out of date

    def can_recompile(self) -> bool:
        return not self._desk.selected_file_ids().isdisjoint(self._desk.state.changed)

    def recompile(self) -> None:
        """Replace the cached version of the selected files that changed on disk; asked first."""
        entries = [entry for entry in self._desk.selected_files() if entry.file.stale == "changed"]
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
            Walk(self._desk.jobs, f"Recompile {name}", _recompile_all(entries), self._recompiled, failed)

        from ...widgets.confirm import ConfirmDialog

        ConfirmDialog("Recompile", text, "Recompile", go, self._desk.window).open()

    def _recompiled(self, troubles: list[str]) -> None:
        if troubles:
            self._desk.say(Message("Not everything could be recompiled.", "\n".join(troubles)))
        else:
            self._desk.note("Recompiled; VMs keep the old functions they have, and load the new ones from now on")

    def _fail(self, title: str) -> Callable[[MoonscopeError], object]:
        def tell(error: MoonscopeError) -> None:
            if not isinstance(error, (CancelledError, ConnectionLost)):
                self._desk.say(Message(f"{title}: {error}"))

        return tell

    def _name(self, entries: Sequence[FileEntry]) -> str:
        if len(entries) == 1:
            return self._desk.state.folder.short(entries[0].file.key)
        return formats.plural(len(entries), "file")


def _holders(generations: Iterable[int]) -> Steps[tuple[int, ...]]:
    """The VMs that hold any of these; generations that are gone meanwhile have none."""
    found: set[int] = set()
    for generation in generations:
        try:
            vms = yield from ask(Holders(generation=generation))
        except NotFoundError:
            continue
        found.update(vms)
    return tuple(sorted(found))


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
    yield InspectFile(path=file.key, lua=file.lua)  # raises when it does not compile, and nothing is lost
    vms = yield from _holders([entry.generation.id] if entry.generation else [])
    yield Clear(keys=(file.key,), lua=file.lua)
    if not vms:
        return []
    report = yield from ask(Load(paths=(file.key,), vms=vms))
    return [f"{failure.path}, VM {failure.vm}: {failure.message}" for failure in report.failures]
