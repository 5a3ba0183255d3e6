"""The prototype tree of what is selected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from moonscope.commands import Command, FindClosures, Inspect, InspectFile
from moonscope.errors import CancelledError, MoonscopeError
from moonscope.model import Chunk, GenerationRow, LookFunction, LuaVersion, PrototypePath, PrototypeTree, names, walk

from ...link.context import Context
from ...link.task import Task, read
from ...state import chunk_name, look_text
from ...state.engine_state import FileId
from ...widgets.workspace import Part
from ..feature import Feature
from .dock import PrototypesDock
from .history import Place
from .places import pc_of_line, prototype_at
from .source_file import SourceFile

_SETTLE_MS = 150  # arrow keys through a list ask for the last row only


class InspectorFeature(Feature):
    """Follows the selected file; the tree is asked for only when somebody looks at it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dock = PrototypesDock()
        self.part = Part("prototypes", "Prototypes", self.dock, "tabs", "prototype")
        self._shown: int | None = None  # the generation whose tree is shown or on its way
        self._stays: frozenset[FileId] | None = None  # what was opened otherwise stays while these files are selected
        self._task: Task | None = None  # reads what is shown next
        self._title = ""
        self._stopped = False  # it was, by the user, and not asked for again
        self._ask_again: Callable[[], object] = lambda: None
        self._selected: frozenset[FileId] = frozenset()  # the files, when the selection was followed last
        self._wait = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._wait.timeout.connect(self.refresh)
        self.dock.cancel_wanted.connect(self._cancel)
        self.dock.again_wanted.connect(self._read_again)
        self.dock.cache_wanted.connect(context.map_wanted)
        context.link.connected.connect(lambda _: self.forget())
        context.engine_changed.connect(self.dock.setEnabled)
        context.selection_changed.connect(self._follow_selection)
        context.state.files_changed.connect(self.follow)
        context.part_seen.connect(self._follow_part)
        context.prototypes_wanted.connect(self.show_selected)
        context.place_wanted.connect(self._show_wanted)
        context.function_wanted.connect(self._show_function)
        self._offer_actions()

    def _offer_actions(self) -> None:
        state = self._context.state
        self.offer("inspect-file", "&Inspect File…", "Show the prototypes of a file on disk, without storing it",
                   self.choose_file, {"&File": 210}, icon="prototype", shortcut="Ctrl+I")
        self.offer("find-closures", "Find &Closures in VMs",
                   "Which VMs hold closures of the function shown under Prototypes", self._find_closures,
                   {"&File": 220}, icon="look", shortcut="Ctrl+Shift+F", usable=lambda: bool(state.vms))  # fmt: skip

    @Slot()
    def _follow_selection(self) -> None:
        if self._context.selection.file_ids() is not self._selected:
            self._selected = self._context.selection.file_ids()
            self.follow()

    @Slot(str, bool)
    def _follow_part(self, name: str, seen: bool) -> None:
        if name == "prototypes":
            self.follow()

    @Slot()
    def follow(self) -> None:
        """The selection or its generation changed. The first change is followed at once, those after it as soon as
        they settle."""
        if not self._wait.isActive():
            self.refresh()
        self._wait.start()

    def forget(self) -> None:
        self._drop()
        self._shown = self._stays = None
        self.dock.clear()

    @Slot()
    def show_selected(self) -> None:
        """Show the selected file, whatever was opened since it was selected."""
        self._context.part_wanted.emit("prototypes")
        self._stays = None
        if self._stopped:
            self._shown = None
        self.follow()

    @Slot()
    def refresh(self) -> None:
        """Show the tree of the selected file unless it is shown already."""
        ids = self._context.selection.file_ids()
        if len(ids) != 1 or not self._context.sees("prototypes") or self._stays == ids:
            return
        self._stays = None
        entry = self._context.selection.files()[0]
        generation = entry.file.generation
        if generation is None:
            self._drop()
            self._shown = None
            self.dock.show_error(entry.file.error or f"{entry.file.key} is not in the cache now; load it.")
        elif generation != self._shown:
            self._shown = generation
            self._ask(entry.file.key, Inspect(generation=generation), self._source_of(generation))
        else:
            self.dock.show_stale(entry.file.stale)

    def choose_file(self) -> None:
        """Show the tree of a file on disk that need not be in the cache."""
        chooser = QFileDialog(self._context.window, "Inspect a Lua file")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters(["Lua files (*.lua)", "All files (*)"])
        chooser.fileSelected.connect(self.inspect_file)
        chooser.open()

    def inspect_file(self, path: str) -> None:
        self._shown = None
        self._stays = self._context.selection.file_ids()
        name = names.of_path(path)
        self._ask(name, InspectFile(path=name, lua=self._lua()), SourceFile(name))

    @Slot(object, object, int, str)
    def _show_wanted(self, row: GenerationRow, path: PrototypePath, line: int, mention: str) -> None:
        self._context.part_wanted.emit("prototypes")
        self._context.window.activateWindow()
        self.show_place(row, path, line, mention)

    def show_place(self, row: GenerationRow, path: PrototypePath, line: int = 0, mention: str = "") -> None:
        """Show a prototype of a generation, which need not be the selected file's, and what a line was compiled to
        in it, rather what mentions a name."""
        self._shown = row.id
        self._stays = self._context.selection.file_ids()

        def find(tree: PrototypeTree) -> Place:
            return Place(path, pc_of_line(prototype_at(tree.root, path), line, mention))

        self._ask(row.key, Inspect(generation=row.id), self._source_of(row.id), find)

    @Slot(object, object)
    def _show_function(self, function: LookFunction, lua: LuaVersion) -> None:
        """Show the prototype of a Lua closure that was found in a VM of that Lua."""
        self._context.part_wanted.emit("prototypes")
        generation, path = function.generation, chunk_name.whole(function.source)
        if generation is None and not function.source.startswith("@"):
            self._context.note("This function comes from text, not from a file: there is no prototype to show")
            return
        self._shown = generation
        self._stays = self._context.selection.file_ids()
        if generation is not None:
            self._ask(path, Inspect(generation=generation), self._source_of(generation), partial(_place_of, function))
        else:
            path = function.source[1:]
            self._ask(path, InspectFile(path=path, lua=lua), SourceFile(path), partial(_place_of, function))

    def _lua(self) -> LuaVersion:
        """That of the selected VM, so that a file is read as the person works."""
        rows = [self._context.state.vms.get(vm) for vm in self._context.selection.vms()[:1]]
        return rows[0].lua if rows and rows[0] else LuaVersion.LUA54

    def _source_of(self, generation: int) -> SourceFile | None:
        row = self._context.state.generations.get(generation)
        return SourceFile(row.path, row.digest, row.mtime) if row is not None and row.path else None

    def _ask(
        self,
        title: str,
        command: Command[Chunk],
        source: SourceFile | None,
        find: Callable[[PrototypeTree], Place] | None = None,
    ) -> None:
        """Show the answer, and in it the place that `find` leads to; without it the place in the file stays."""
        self._drop()

        def done(tree: PrototypeTree) -> None:
            self.dock.show_tree(tree, source)
            if find is not None:
                self.dock.go(find(tree))

        def failed(error: MoonscopeError) -> None:
            if isinstance(error, CancelledError):
                self._stop()
            else:
                self._shown = None
                self.dock.show_error(str(error))

        self._title = title
        self.dock.show_loading(title)
        self._ask_again = partial(self._ask, title, command, source, find)
        self._task = self._context.tasks.start(f"Inspect {title}", read(command), done, failed)
        self._task.changed.connect(self._show_progress)

    # Reading can take a while

    def _drop(self) -> None:
        """What is being read is not wanted any more."""
        self._stopped = False
        if self._task is not None:
            self._task.drop()

    def _stop(self) -> None:
        """The user wants it no more; it is not begun anew by itself."""
        self._drop()
        self._stopped = True
        self.dock.show_cancelled(self._title)

    @Slot()
    def _cancel(self) -> None:
        if self._task is not None and self._task.is_running:
            self._stop()

    @Slot()
    def _read_again(self) -> None:
        if self._stopped:
            self._ask_again()

    @Slot()
    def _show_progress(self) -> None:
        if self._task is not None:
            self.dock.reading.advance(self._task.done, self._task.total)

    def _find_closures(self) -> None:
        """Of the function that is shown."""
        current = self.dock.current
        if current is None or current[0].generation is None:
            self._context.note("Select a cached file and one of its functions under Prototypes first")
            return
        tree, prototype = current
        generation, line, last_line = current[0].generation, prototype.line, prototype.last_line
        place = look_text.place(f"@{tree.key}", line, last_line)
        command = FindClosures(generation=generation, line=line, last_line=last_line)
        self._context.closures_wanted.emit(place, command)


def _place_of(function: LookFunction, tree: PrototypeTree) -> Place:
    """Where the prototype of a function is; the main function when it is not there."""
    lines = (function.line, function.last_line)
    return next((Place(path) for path, each in walk(tree.root) if (each.line, each.last_line) == lines), Place())
