"""The window without a mouse."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from moonscope_gui.main_window import MainWindow

MANY = 200  # presses of Tab, more than it takes to go around once


def walk(window: MainWindow, qtbot: QtBot, key: Qt.Key) -> list[QWidget]:
    """Where Tab leads, from the table of files until it is there again."""
    window.files.view.setFocus()
    seen: list[QWidget] = []
    for _ in range(MANY):
        here = window.focusWidget()
        assert here is not None
        seen.append(here)
        qtbot.keyClick(here, key)
        if window.focusWidget() is window.files.view:
            return seen
    raise AssertionError("Tab never comes back")


def is_on_screen(widget: QWidget) -> bool:
    window = widget.window()
    return window.rect().contains(widget.mapTo(window, widget.rect().center()))


def test_tab_leads_only_to_what_can_be_seen(window: MainWindow, qtbot: QtBot) -> None:
    window.workspace.show_part("console")
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        seen = walk(window, qtbot, key)
        assert window.console.input in seen and window.vms.view in seen
        assert all(is_on_screen(widget) for widget in seen)


def test_a_dock_behind_another_one_is_not_seen(window: MainWindow, qtbot: QtBot) -> None:
    window.workspace.show_part("look")
    qtbot.waitUntil(lambda: window.workspace.sees("look"))
    assert not window.workspace.sees("prototypes") and window.workspace.sees("files")
    window.workspace.docks["files"].close()
    assert not window.workspace.sees("files")
