"""Finding out, in the background, what each cached file does with the globals of the VM that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QTimer, Slot

from moonscope.analysis.values import FileVerdict, Verdict
from moonscope.commands import Inspect
from moonscope.errors import ConnectionLost, MoonscopeError
from moonscope.model import GenerationRow, PrototypePath

from ...link.context import Context
from ...link.task import Steps, Task, in_thread, read
from ...state.engine_state import FileId
from ..feature import Feature

PAUSE_MS = 30  # from one file to the next: the window comes first
UPDATE_MS = 250  # verdicts are shown together
LARGE = 1 << 20  # bytes of source; larger files are analysed only when asked for
MOST = 5_000  # verdicts that are kept


class VerdictsFeature(Feature):
    """One file at a time, those in sight first; each generation once."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._task = Task(self, context.link)  # one generation after the other
        self._wanted: int | None = None  # the one whose dialog opens as soon as it is
        self._found: set[FileId] = set()
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._next)
        self._update_timer = QTimer(self, singleShot=True, interval=UPDATE_MS)
        self._update_timer.timeout.connect(self._announce)
        context.link.connected.connect(lambda _: self.forget())
        context.state.files_changed.connect(self.follow)
        context.part_seen.connect(lambda *_: self.follow())
        self.offer("globals", "&Globals…",
                   "Show which globals the selected file reads and writes, and what that means for sharing it",
                   self.explain, {"&Cache": 120, "files": 220}, icon="globals", shortcut="Ctrl+Shift+G",
                   usable=self._can_explain)  # fmt: skip

    @Slot()
    def follow(self) -> None:
        """There may be files that were not analysed yet."""
        if not self._task.is_running and not self._pause.isActive():
            self._pause.start()

    def forget(self) -> None:
        """Forget what is known: another engine is connected."""
        self._task.drop()
        self._wanted = None
        self._found.clear()

    def explain(self) -> None:
        """Say what the selected file does with globals, and where."""
        for entry in self._context.selection.files()[:1]:
            if entry.verdict is not None:
                self._open(entry.verdict)
            elif entry.generation is not None:
                self._wanted = entry.generation.id
                self.follow()

    def _can_explain(self) -> bool:
        if len(self._context.selection.file_ids()) != 1:
            return False
        return any(entry.generation is not None for entry in self._context.selection.files())

    # One after the other

    @Slot()
    def _next(self) -> None:
        row = next(self._candidates(), None) if self._context.link.is_connected else None
        if row is not None and not self._task.is_running:
            self._task.start(_verdict(row.id), partial(self._take, row.id), partial(self._give_up, row))

    def _candidates(self) -> Iterator[GenerationRow]:
        state = self._context.state
        if self._wanted in state.generations:
            yield state.generations[self._wanted]
        if not self._context.sees("files") or len(state.verdicts) >= MOST:
            return
        in_sight = (state.files.get(file_id) for file_id in self._context.selection.files_in_sight())
        for files in (in_sight, state.files.values()):
            for file in files:
                row = state.generations.get(file.generation or 0) if file is not None else None
                if row is not None and row.id not in state.verdicts and row.source_bytes <= LARGE:
                    yield row

    def _give_up(self, row: GenerationRow, error: MoonscopeError) -> None:
        if not isinstance(error, ConnectionLost):
            why = f"It could not be read: {error}"
            unknown = FileVerdict(lua=row.lua, key=row.key, verdict=Verdict.NOT_ANALYSED, text="", notice=why)
            self._take(row.id, unknown)

    def _take(self, generation: int, verdict: FileVerdict) -> None:
        if generation in self._context.state.generations:
            self._context.state.verdicts[generation] = verdict
            self._found.add((verdict.lua, verdict.key))
        if generation == self._wanted:
            self._wanted = None
            self._open(verdict)
        if not self._update_timer.isActive():
            self._update_timer.start()
        self.follow()

    @Slot()
    def _announce(self) -> None:
        found, self._found = self._found, set()
        self._context.state.verdicts_found.emit(found)

    def _open(self, verdict: FileVerdict) -> None:
        from .dialog import VerdictDialog

        name = self._context.state.folder.short(verdict.key)
        dialog = VerdictDialog(name, verdict, self._context.window)
        dialog.place_wanted.connect(partial(self._show_there, (verdict.lua, verdict.key)))
        dialog.open()

    def _show_there(self, file_id: FileId, path: PrototypePath, line: int, mention: str) -> None:
        file = self._context.state.files.get(file_id)
        row = self._context.state.generations.get(file.generation or 0) if file is not None else None
        if row is not None:
            self._context.place_wanted.emit(row, path, line, mention)


def _verdict(generation: int) -> Steps[FileVerdict]:
    from moonscope.analysis.verdict import judge

    tree = yield from read(Inspect(generation=generation))
    return (yield from in_thread(judge, tree))
