"""Windows and hosts for the tests of the window. Hosts are real processes with real engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from moonscope_gui import app
from moonscope_gui.main_window import MainWindow
from moonscope_gui.settings import WindowSettings

PATIENCE_MS = 30_000  # until a test gives up on something that must happen


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
def folder(tmp_path: Path) -> Path:
    """Three Lua files, one of them with an error."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "one.lua").write_text("local M = {}\nfunction M.f(a) return a + 1 end\nreturn M\n")
    (folder / "two.lua").write_text("return function() return 'two' end\n")
    (folder / "broken.lua").write_text("local x = = 1\n")
    return folder
