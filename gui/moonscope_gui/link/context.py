"""What features share: the source and its state, what is selected, and how they ask something of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from ..state.engine_state import EngineState, FileId
from ..state.file_entry import FileEntry
from ..state.settings import WindowSettings
from ..widgets.message_bar import Message
from .engine_link import EngineLink
from .task import Tasks


@dataclass
class Selection:
    """What is selected in the tables; each is set by the feature that has the table."""

    vms: Callable[[], tuple[int, ...]] = tuple  # ascending; the same object for as long as the same are selected
    files: Callable[[], Sequence[FileEntry]] = tuple  # looks each of them up: not for what every update asks
    file_ids: Callable[[], frozenset[FileId]] = frozenset  # the same object for as long as the same are selected
    files_in_sight: Callable[[], Iterable[FileId]] = tuple
    generations: Callable[[], Sequence[int]] = tuple


class Context(QObject):
    """One per window. Features do not know each other: what one wants of another is a signal here."""

    # What the window says
    engine_changed = Signal(bool)  # there is a connection, or none
    selection_changed = Signal()
    part_seen = Signal(str, bool)  # name of a part of the window that came into sight, or is hidden now
    paused = Signal(bool)  # the view is held, or goes on

    # What features ask of the window
    said = Signal(object)  # Message, in the message bar
    withdrawn = Signal(str)  # messages of this topic do not hold any more
    noted = Signal(str)  # in the status bar, for a moment
    part_wanted = Signal(str)  # bring a part of the window into sight
    part_focused = Signal(str)  # and the keyboard into it

    # What features ask of others
    vms_wanted = Signal(object)  # ids: select these VMs
    files_wanted = Signal(object)  # ids: select these files
    files_opened = Signal(object)  # paths of the system: load these files and folders
    prototypes_wanted = Signal()  # show those of the selected file
    place_wanted = Signal(object, object, int, str)  # GenerationRow, path of a prototype, line, mention: show it
    function_wanted = Signal(object, object)  # LookFunction, LuaVersion: show its prototype
    closures_wanted = Signal(str, object)  # where in words, FindClosures: find them
    holders_wanted = Signal(object, str)  # ids of generations, what their VMs do in words: select those VMs
    map_wanted = Signal()  # show the map of the cache
    restart_wanted = Signal()  # start the engine anew

    def __init__(self, window: QWidget, link: EngineLink, settings: WindowSettings) -> None:
        """`window` is the parent of dialogs."""
        super().__init__(window)
        self.window = window
        self.link = link
        self.tasks = Tasks(link, self)
        self.state = EngineState()
        self.settings = settings
        self.selection = Selection()
        self.sees: Callable[[str], bool] = lambda part: False  # whether a part of the window is in sight

    def say(self, message: Message) -> None:
        """Show a message until it is dismissed."""
        self.said.emit(message)

    def note(self, text: str) -> None:
        """Show a text for a moment."""
        self.noted.emit(text)
