"""The window without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.console.feature import ConsoleFeature
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.log.feature import LogFeature
from moonscope_gui.features.vms.feature import VMsFeature

PATIENCE_MS = 30_000
MANY = 200  # presses of Tab, more than it takes to go around once


def walk(window: MainWindow, qtbot: QtBot, key: Qt.Key) -> list[QWidget]:
    """Where Tab leads, from the table of files until it is there again."""
    window.feature(FilesFeature).dock.view.setFocus()
    seen: list[QWidget] = []
    for _ in range(MANY):
        here = window.focusWidget()
        assert here is not None
        seen.append(here)
        qtbot.keyClick(here, key)
        if window.focusWidget() is window.feature(FilesFeature).dock.view:
            return seen
    raise AssertionError("Tab never comes back")


def is_on_screen(widget: QWidget) -> bool:
    window = widget.window()
    return window.rect().contains(widget.mapTo(window, widget.rect().center()))


@pytest.mark.slow
def test_tab_leads_only_to_what_can_be_seen(window: MainWindow, qtbot: QtBot) -> None:
    window.workspace.show_part("console")
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        seen = walk(window, qtbot, key)
        assert window.feature(ConsoleFeature).dock.input in seen and window.feature(VMsFeature).dock.view in seen
        assert all(is_on_screen(widget) for widget in seen)


@pytest.mark.slow
def test_a_dock_behind_another_one_is_not_seen(window: MainWindow, qtbot: QtBot) -> None:
    window.workspace.show_part("look")
    qtbot.waitUntil(lambda: window.workspace.sees("look"))
    assert not window.workspace.sees("prototypes") and window.workspace.sees("files")
    window.workspace.docks["files"].close()
    assert not window.workspace.sees("files")


@pytest.mark.slow
def test_a_part_behind_others_is_a_shortcut_away(window: MainWindow, qtbot: QtBot) -> None:
    window.workspace.show_part("prototypes")
    go, console = window.actions_, window.feature(ConsoleFeature).dock.input
    log, files = window.feature(LogFeature).dock.view, window.feature(FilesFeature).dock.view
    for name, focus in (("console", console), ("log", log), ("files", files)):
        go[f"go-{name}"].trigger()
        qtbot.waitUntil(lambda name=name: window.workspace.sees(name))
        assert window.focusWidget() is focus
        go[f"go-{name}"].trigger()
        assert window.workspace.sees(name), "it is not closed by going to it again"


@pytest.mark.slow
def test_the_filter_leads_to_the_table_and_is_taken_back(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    window.open_paths([str(folder)])
    panel = window.feature(FilesFeature).dock
    qtbot.waitUntil(lambda: panel.model.total == 3 and not window.tasks.running, timeout=PATIENCE_MS)
    window.actions_["find"].trigger()
    assert window.focusWidget() is panel.filter
    qtbot.keyClicks(panel.filter, "one")
    qtbot.keyClick(panel.filter, Qt.Key.Key_Return)
    assert panel.model.rowCount() == 1
    qtbot.keyClick(panel.filter, Qt.Key.Key_Down)
    assert window.focusWidget() is panel.view
    assert [key for _, key in panel.selected_ids()] == [str(folder / "one.lua")]
    window.actions_["find"].trigger()
    with qtbot.waitSignal(panel.filtered):
        qtbot.keyClick(panel.filter, Qt.Key.Key_Escape)
    assert (panel.model.rowCount(), window.focusWidget()) == (3, panel.view)
