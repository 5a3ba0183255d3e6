"""Windows and hosts for the tests of the window. Hosts are real processes with real engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from moonscope.commands import Spawn
from moonscope_gui.app import application as app
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.state.settings import WindowSettings

PATIENCE_MS = 30_000  # until a test gives up on something that must happen

Kind = TypeVar("Kind", bound=QDialog)


class Person:
    """Somebody who works with a window, and waits for what has to happen."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self._qtbot = qtbot

    def waits_until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def opens(self, folder: Path) -> None:
        """Open a folder: its files are loaded in all VMs."""
        self.window.open_paths([str(folder)])
        wanted = {str(path) for path in folder.rglob("*.lua")}
        known = self.window.state.files
        self.waits_until(lambda: {key for _, key in known} >= wanted and not self.window.tasks.running)

    def spawns(self, count: int) -> list[int]:
        """Ids of the new VMs."""
        before = set(self.window.state.vms)
        self.window.feature(VMsFeature).spawn_now(Spawn(count=count))
        self.waits_until(lambda: len(self.window.state.vms) == len(before) + count and not self.window.tasks.running)
        return sorted(set(self.window.state.vms) - before)

    def selects(self, *names: str) -> None:
        """Select files by the end of their names."""
        files = [file_id for file_id in self.window.state.files if file_id[1].endswith(names)]
        assert len(files) == len(names)
        self.window.feature(FilesFeature).dock.view.select_ids(files)

    def triggers(self, action: str) -> None:
        """What can be done follows the selection in the next turn of the event loop."""
        self.waits_until(self.window.actions_[action].isEnabled)
        self.window.actions_[action].trigger()

    def sees(self, kind: type[Kind]) -> Kind:
        """The one dialog of this kind that is open."""
        found = [child for child in self.window.findChildren(kind) if child.isVisible()]
        assert len(found) == 1
        return found[0]


@pytest.fixture
def settings(tmp_path: Path) -> WindowSettings:
    return WindowSettings(tmp_path / "settings" / "window.ini")


@pytest.fixture
def idle_window(qtbot: QtBot, settings: WindowSettings) -> Iterator[MainWindow]:
    """A window on screen without an engine."""
    window = app.build(settings=settings)
    window.show()
    yield window
    window.close()
    window.deleteLater()


@pytest.fixture
def window(idle_window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window with an engine in a host of its own."""
    idle_window.link.start_host()
    qtbot.waitUntil(lambda: idle_window.state.settings is not None, timeout=PATIENCE_MS)
    return idle_window


@pytest.fixture
def person(window: MainWindow, qtbot: QtBot) -> Person:
    return Person(window, qtbot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three Lua files, one of them with an error."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "one.lua").write_text("local M = {}\nfunction M.f(a) return a + 1 end\nreturn M\n")
    (folder / "two.lua").write_text("return function() return 'two' end\n")
    (folder / "broken.lua").write_text("local x = = 1\n")
    return folder
