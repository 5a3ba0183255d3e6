"""Finding out, in the background, what each cached file does with the globals of the VM that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from PySide6.QtCore import QObject, QTimer, Slot

from moonscope.analysis.values import FileVerdict, Verdict
from moonscope.commands import Inspect
from moonscope.errors import ConnectionLost, MoonscopeError
from moonscope.model import GenerationRow, PrototypeTree

from ...link.desk import Desk
from ...link.engine_link import EngineLink
from ...state.engine_state import FileId
from ..files.dock import FilesDock
from ..files.model import FilesModel
from ..inspector.background import Background
from ..inspector.places import Path

PAUSE_MS = 30  # from one file to the next: the window comes first
NEWS_MS = 250  # verdicts are shown together
LARGE = 1 << 20  # bytes of source; larger files are analysed only when asked for
MOST = 5_000  # verdicts that are kept

ShowPlace = Callable[[GenerationRow, Path, int, str], object]
"""Shows a prototype of a generation by its path, and in it a line, rather where it mentions a name."""


class VerdictsFlow(QObject):
    """One file at a time, those in sight first; each generation once."""

    def __init__(self, desk: Desk, link: EngineLink, files: FilesDock, show_place: ShowPlace) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._link = link
        self._files = files
        self._show_place = show_place
        self._background = Background(self)
        self._asked: int | None = None  # the generation that is being analysed
        self._wanted: int | None = None  # the one whose dialog opens as soon as it is
        self._news: set[FileId] = set()
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._next)
        self._tell = QTimer(self, singleShot=True, interval=NEWS_MS)
        self._tell.timeout.connect(self._show_news)
        files.view.verticalScrollBar().valueChanged.connect(self.follow)

    @Slot()
    def follow(self) -> None:
        """There may be files that were not analysed yet."""
        if self._asked is None and not self._pause.isActive():
            self._pause.start()

    def forget(self) -> None:
        """Another engine."""
        self._background.drop()
        self._asked = self._wanted = None
        self._news.clear()

    def explain(self) -> None:
        """Say what the selected file does with globals, and where."""
        for entry in self._desk.selected_files()[:1]:
            if entry.verdict is not None:
                self._open(entry.verdict)
            elif entry.generation is not None:
                self._wanted = entry.generation.id
                self.follow()

    def can_explain(self) -> bool:
        if len(self._desk.selected_file_ids()) != 1:
            return False
        return any(entry.generation is not None for entry in self._desk.selected_files())

    # One after the other

    @Slot()
    def _next(self) -> None:
        row = next(self._candidates(), None) if self._link.is_connected else None
        if row is not None and self._asked is None:
            self._asked = row.id
            answered, failed = partial(self._judge, row.id), partial(self._give_up, row)
            self._link.read(Inspect(generation=row.id), done=answered, failed=failed)

    def _candidates(self) -> Iterator[GenerationRow]:
        state = self._desk.state
        if self._wanted in state.generations:
            yield state.generations[self._wanted]
        if not self._files.isVisible() or len(state.verdicts) >= MOST:
            return
        in_sight = (state.files.get(cast(FileId, file_id)) for file_id in self._files.view.ids_in_sight())
        for files in (in_sight, state.files.values()):
            for file in files:
                row = state.generations.get(file.generation or 0) if file is not None else None
                if row is not None and row.id not in state.verdicts and row.source_bytes <= LARGE:
                    yield row

    def _judge(self, generation: int, tree: PrototypeTree) -> None:
        from moonscope.analysis.verdict import judge

        if generation == self._asked:
            self._background.start(partial(judge, tree), partial(self._take, generation))

    def _give_up(self, row: GenerationRow, error: MoonscopeError) -> None:
        if row.id == self._asked and not isinstance(error, ConnectionLost):
            why = f"It could not be read: {error}"
            unknown = FileVerdict(lua=row.lua, key=row.key, verdict=Verdict.NOT_ANALYSED, text="", notice=why)
            self._take(row.id, unknown)

    def _take(self, generation: int, verdict: FileVerdict) -> None:
        self._asked = None
        if generation in self._desk.state.generations:
            self._desk.state.verdicts[generation] = verdict
            self._news.add((verdict.lua, verdict.key))
        if generation == self._wanted:
            self._wanted = None
            self._open(verdict)
        if not self._tell.isActive():
            self._tell.start()
        self.follow()

    @Slot()
    def _show_news(self) -> None:
        news, self._news = self._news, set()
        cast(FilesModel, self._files.model).refresh(news)

    def _open(self, verdict: FileVerdict) -> None:
        from .dialog import VerdictDialog

        name = self._desk.state.folder.short(verdict.key)
        dialog = VerdictDialog(name, verdict, self._desk.window)
        dialog.place_wanted.connect(partial(self._show_there, (verdict.lua, verdict.key)))
        dialog.open()

    def _show_there(self, file_id: FileId, path: Path, line: int, mention: str) -> None:
        file = self._desk.state.files.get(file_id)
        row = self._desk.state.generations.get(file.generation or 0) if file is not None else None
        if row is not None:
            self._show_place(row, path, line, mention)
