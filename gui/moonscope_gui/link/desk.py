"""What every flow works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from ..state.engine_state import EngineState, FileId
from ..state.file_entry import FileEntry
from ..widgets.message_bar import Message
from .jobs import Jobs


@dataclass(frozen=True)
class Desk:
    """The window as the flows see it."""

    window: QWidget  # parent of dialogs
    jobs: Jobs
    state: EngineState
    say: Callable[[Message], object]  # in the message bar
    note: Callable[[str], object]  # in the status bar, for a moment
    selected_vms: Callable[[], tuple[int, ...]]  # ascending; the same object for as long as the same are selected
    selected_files: Callable[[], list[FileEntry]]  # looks each of them up: not for what every update asks
    selected_file_ids: Callable[[], frozenset[FileId]]
