"""Reading a large file: the reader sees how far it is and can stop it, and asks for it again if that was a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QWidget
from pytestqt.qtbot import QtBot

from moonscope.bytecode import reporter
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.inspector.dock import PrototypesDock
from moonscope_gui.features.inspector.feature import InspectorFeature
from moonscope_gui.widgets.reading_bar import ReadingBar

from .conftest import PATIENCE_MS, Person

FUNCTIONS = 3000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes a while."""
    path = tmp_path / "large.lua"
    body = "function M.f{n}(a, b) if a then return b .. 'f{n}' end return a.b.c[{n}] end\n"
    path.write_text("local M = {}\n" + "".join(body.replace("{n}", str(n)) for n in range(FUNCTIONS)) + "return M\n")
    return path


@pytest.fixture
def dock(window: MainWindow) -> PrototypesDock:
    window.workspace.show_part("prototypes")
    return window.feature(InspectorFeature).dock


def words(dock: PrototypesDock) -> str:
    return "\n".join(label.text() for label in dock.findChildren(QLabel) if label.isVisible())


def shown(dock: PrototypesDock) -> str:
    return Path(dock.current[0].key).name if dock.current else ""


def click(button: QWidget) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def opens_selected(window: MainWindow) -> None:
    """As a double-click does."""
    view = window.feature(FilesFeature).dock.view
    view.doubleClicked.emit(view.currentIndex())


@pytest.mark.slow
def test_a_cancelled_reading_says_so_and_can_be_begun_again(
    dock: PrototypesDock, person: Person, window: MainWindow, large: Path
) -> None:
    window.feature(InspectorFeature).inspect_file(str(large))
    dock.reading.cancel_wanted.emit()  # before anything can have come back
    assert "large.lua was cancelled" in words(dock)
    assert dock.reading.isHidden()
    person.waits_until(lambda: not window.tasks.running)
    assert shown(dock) == "", "what comes too late is not shown"
    click(dock.again)
    person.waits_until(lambda: shown(dock) == "large.lua")
    assert dock.current is not None
    assert dock.current[0].root.total == FUNCTIONS + 1
    assert not dock.again.isVisible()


@pytest.mark.slow
def test_cancelling_it_in_the_status_bar_does_the_same(
    dock: PrototypesDock, person: Person, window: MainWindow, large: Path
) -> None:
    window.feature(InspectorFeature).inspect_file(str(large))
    [task] = window.tasks.running
    task.cancel()
    person.waits_until(lambda: not window.tasks.running)
    assert "large.lua was cancelled" in words(dock)
    assert dock.again.isVisible()


@pytest.mark.slow
def test_a_cancelled_generation_is_not_read_by_itself_but_when_it_is_chosen_again(
    dock: PrototypesDock, person: Person, window: MainWindow, folder: Path
) -> None:
    person.opens(folder)
    person.selects("one.lua")
    window.feature(InspectorFeature).refresh()
    dock.reading.cancel_wanted.emit()
    person.waits_until(lambda: not window.tasks.running)
    window.feature(InspectorFeature).refresh()
    assert not window.tasks.running
    assert shown(dock) == ""
    opens_selected(window)
    person.waits_until(lambda: shown(dock) == "one.lua")


def test_a_double_click_on_a_file_shows_it_again_after_another_was_inspected(
    dock: PrototypesDock, person: Person, window: MainWindow, folder: Path
) -> None:
    person.opens(folder)
    person.selects("one.lua")
    person.waits_until(lambda: shown(dock) == "one.lua")
    window.feature(InspectorFeature).inspect_file(str(folder / "two.lua"))
    person.waits_until(lambda: shown(dock) == "two.lua")
    opens_selected(window)
    person.waits_until(lambda: shown(dock) == "one.lua")


@pytest.mark.slow
def test_what_is_asked_for_next_stops_what_is_being_read(
    dock: PrototypesDock,
    person: Person,
    window: MainWindow,
    large: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window.feature(InspectorFeature).inspect_file(str(large))
    [task] = window.tasks.running
    cancelled: list[object] = []
    monkeypatch.setattr(window.link, "cancel", cancelled.append)
    window.feature(InspectorFeature).inspect_file(str(folder / "one.lua"))
    assert len(cancelled) == 1
    assert task not in window.tasks.running
    person.waits_until(lambda: not window.tasks.running)
    assert shown(dock) == "one.lua"


@pytest.mark.slow
def test_how_far_reading_is_can_be_seen(
    dock: PrototypesDock, person: Person, window: MainWindow, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "GAP", 0.0)  # it tells of every function
    seen: list[tuple[int, int]] = []
    window.tasks.changed.connect(lambda: seen.extend((task.done, task.total) for task in window.tasks.running))
    window.feature(InspectorFeature).inspect_file(str(large))
    person.waits_until(lambda: shown(dock) == "large.lua")
    parts = [done / total for done, total in seen if total]
    assert len(parts) > 100
    assert parts == sorted(parts)
    bar = dock.reading.findChild(QProgressBar)
    assert (bar.maximum(), bar.value()) == (1000, int(1000 * parts[-1]))


@pytest.mark.slow
def test_the_bar_is_seen_only_when_it_takes_a_while(qtbot: QtBot) -> None:
    bar = ReadingBar()
    qtbot.addWidget(bar)
    bar.start("a.lua")
    assert bar.isHidden()
    qtbot.waitUntil(bar.isVisible, timeout=PATIENCE_MS)
    with qtbot.waitSignal(bar.cancel_wanted, timeout=PATIENCE_MS):
        click(bar.cancel)
    bar.end()
    assert bar.isHidden()
