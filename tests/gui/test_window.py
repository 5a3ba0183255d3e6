"""What people do with the window, from the action to what they see; the engine is real, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from moonscope.commands import Spawn
from moonscope.model import CacheMode, GenerationState, VMState
from moonscope_gui.app import application as app
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.clear.dialog import ClearDialog
from moonscope_gui.features.console.feature import ConsoleFeature
from moonscope_gui.features.export.feature import ExportFeature
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.generations.feature import GenerationsFeature
from moonscope_gui.features.inspector.feature import InspectorFeature
from moonscope_gui.features.log.feature import LogFeature
from moonscope_gui.features.plots.feature import PlotsFeature
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.state.settings import WindowSettings
from moonscope_gui.widgets.command_palette import CommandPalette
from moonscope_gui.widgets.confirm import ConfirmDialog

PATIENCE_MS = 30_000


def idle(window: MainWindow) -> bool:
    return not window.tasks.running


def rows(window: MainWindow) -> dict[str, str]:
    """State by file name, as the table shows it."""
    model = window.feature(FilesFeature).dock.model
    return {Path(model.text_at(row, 0)).name: model.text_at(row, 1) for row in range(model.rowCount())}


def open_folder(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    window.open_paths([str(folder)])
    wanted = {path.name for path in folder.glob("*.lua")}
    qtbot.waitUntil(lambda: rows(window).keys() >= wanted and idle(window), timeout=PATIENCE_MS)


def spawn(window: MainWindow, qtbot: QtBot, count: int) -> list[int]:
    window.feature(VMsFeature).spawn_now(Spawn(count=count))
    qtbot.waitUntil(lambda: len(window.state.vms) == count and idle(window), timeout=PATIENCE_MS)
    return sorted(window.state.vms)


def dialog(window: MainWindow, kind: type[QDialog]) -> QDialog:
    found = [child for child in window.findChildren(kind) if child.isVisible()]
    assert len(found) == 1
    return found[0]


def trigger(window: MainWindow, action: str) -> None:
    """What can be done follows the selection in the next turn of the event loop."""
    QApplication.processEvents()
    assert window.actions_[action].isEnabled()
    window.actions_[action].trigger()


# Opening files


def test_opening_a_folder_spawns_vms_and_loads_it_in_each(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    assert len(window.state.vms) == 4
    assert rows(window) == {"one.lua": "current", "two.lua": "current", "broken.lua": "error"}
    one = next(row for row in window.state.files.values() if row.key.endswith("one.lua"))
    assert one.counters.misses + one.counters.races == 4 - one.counters.hits
    assert one.counters.hits > 0


def test_files_that_cannot_be_loaded_are_told_where_the_user_looks(
    window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    open_folder(window, qtbot, folder)
    message = window.messages.current
    assert window.messages.isVisible()
    assert message is not None
    assert message.text == "1 file could not be loaded in 4 VMs; 2 others loaded."
    assert "broken.lua: line 1: unexpected symbol near '='" in message.details


def test_a_folder_without_lua_files_is_told(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window.open_paths([str(tmp_path / "empty")])
    qtbot.waitUntil(lambda: window.messages.current is not None, timeout=PATIENCE_MS)
    assert "no .lua file" in window.messages.current.text


def test_dropped_files_are_opened_and_remembered(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder / "one.lua"))])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    for event in (QDragEnterEvent(QPoint(10, 10), copy, data, left, Qt.KeyboardModifier.NoModifier),
                  QDropEvent(QPointF(10, 10), copy, data, left, Qt.KeyboardModifier.NoModifier)):  # fmt: skip
        QApplication.sendEvent(window, event)
        assert event.isAccepted()
    qtbot.waitUntil(lambda: rows(window) == {"one.lua": "current"}, timeout=PATIENCE_MS)
    assert window.context.settings.recent == [str(folder / "one.lua")]


def test_paths_given_before_there_is_an_engine_are_opened_with_it(
    idle_window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    idle_window.open_paths([str(folder)])
    idle_window.link.start_host()
    qtbot.waitUntil(lambda: len(rows(idle_window)) == 3 and idle(idle_window), timeout=PATIENCE_MS)


def test_selected_files_are_loaded_in_selected_vms_only(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    fresh = set(window.state.vms)
    window.feature(VMsFeature).spawn_now(Spawn(count=1))
    qtbot.waitUntil(lambda: len(window.state.vms) == 5, timeout=PATIENCE_MS)
    (vm,) = set(window.state.vms) - fresh
    window.feature(VMsFeature).dock.view.select_ids([vm])
    window.feature(FilesFeature).dock.view.select_ids([key for key in window.state.files if key[1].endswith("two.lua")])
    trigger(window, "load-selected")
    qtbot.waitUntil(lambda: window.state.vms[vm].generations == 1, timeout=PATIENCE_MS)


def test_a_selected_file_shows_its_prototypes(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    window.workspace.show_part("prototypes")
    window.feature(FilesFeature).dock.view.select_ids([key for key in window.state.files if key[1].endswith("one.lua")])
    qtbot.waitUntil(lambda: window.feature(InspectorFeature).dock.current is not None, timeout=PATIENCE_MS)
    model = window.feature(InspectorFeature).dock.browser.model
    assert model.rowCount() == 1
    assert model.rowCount(model.index(0, 0)) == 1  # M.f in the main function


# VMs


def test_the_source_that_is_read_says_when_its_file_changes(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    window.workspace.show_part("prototypes")
    window.feature(FilesFeature).dock.reveal(
        [file_id for file_id in window.state.files if file_id[1].endswith("one.lua")]
    )
    source = window.feature(InspectorFeature).dock.browser.detail.source
    qtbot.waitUntil(lambda: source.compiled_source is not None, timeout=PATIENCE_MS)
    (folder / "one.lua").write_text("return 'changed'\n")
    qtbot.waitUntil(lambda: "Changed on disk meanwhile" in source.warning.text(), timeout=PATIENCE_MS)


def test_a_running_vm_is_interrupted_and_can_be_used_on(window: MainWindow, qtbot: QtBot) -> None:
    (vm,) = spawn(window, qtbot, 1)
    window.feature(ConsoleFeature).dock.input.setPlainText("while true do end")
    window.feature(ConsoleFeature).dock.input.submit()
    qtbot.waitUntil(lambda: window.state.vms[vm].state is VMState.RUNNING, timeout=PATIENCE_MS)
    window.feature(ConsoleFeature).dock.stop.click()
    qtbot.waitUntil(
        lambda: "interrupted" in window.feature(ConsoleFeature).dock.output.toPlainText(), timeout=PATIENCE_MS
    )
    window.feature(ConsoleFeature).dock.input.setPlainText("1 + 1")
    window.feature(ConsoleFeature).dock.input.submit()
    qtbot.waitUntil(
        lambda: window.feature(ConsoleFeature).dock.output.toPlainText().endswith("\n2"), timeout=PATIENCE_MS
    )
    assert not window.feature(ConsoleFeature).dock.stop.isEnabled()


def test_the_mode_of_selected_vms_is_set(window: MainWindow, qtbot: QtBot) -> None:
    first, second = spawn(window, qtbot, 2)
    window.feature(VMsFeature).dock.view.select_ids([second])
    trigger(window, "mode-off")
    qtbot.waitUntil(lambda: window.state.vms[second].mode is CacheMode.OFF, timeout=PATIENCE_MS)
    assert window.state.vms[first].mode is CacheMode.ON


def test_the_default_mode_is_that_of_the_engine(window: MainWindow, qtbot: QtBot) -> None:
    assert window.actions_["default-on"].isChecked()
    trigger(window, "default-exist")
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    (vm,) = spawn(window, qtbot, 1)
    assert window.state.vms[vm].mode is CacheMode.EXIST


def test_a_few_selected_vms_are_torn_down_at_once(window: MainWindow, qtbot: QtBot) -> None:
    first, *others = spawn(window, qtbot, 3)
    window.feature(VMsFeature).dock.view.select_ids(others)
    trigger(window, "close-selected")
    qtbot.waitUntil(lambda: set(window.state.vms) == {first}, timeout=PATIENCE_MS)


def test_the_delete_key_means_what_the_table_holds(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    first, *others = sorted(window.state.vms)
    window.feature(VMsFeature).dock.view.select_ids([first])
    window.feature(VMsFeature).dock.view.setFocus()
    qtbot.keyClick(window.feature(VMsFeature).dock.view, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: sorted(window.state.vms) == others, timeout=PATIENCE_MS)
    window.feature(FilesFeature).dock.view.select_ids([next(iter(window.state.files))])
    window.feature(FilesFeature).dock.view.setFocus()
    qtbot.keyClick(window.feature(FilesFeature).dock.view, Qt.Key.Key_Delete)
    dialog(window, ClearDialog).reject()
    assert sorted(window.state.vms) == others


def test_tearing_all_down_is_asked_first(window: MainWindow, qtbot: QtBot) -> None:
    spawn(window, qtbot, 3)
    trigger(window, "close-all")
    question = dialog(window, ConfirmDialog)
    assert isinstance(question, ConfirmDialog)
    assert len(window.state.vms) == 3
    qtbot.mouseClick(question.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.state.vms, timeout=PATIENCE_MS)


def test_actions_are_offered_only_when_they_can_be_used(window: MainWindow, qtbot: QtBot) -> None:
    offered = {key: window.actions_[key].isEnabled() for key in ("spawn", "collect", "close-selected", "clear")}
    assert offered == {"spawn": True, "collect": False, "close-selected": False, "clear": False}
    (vm,) = spawn(window, qtbot, 1)
    window.feature(VMsFeature).dock.view.select_ids([vm])
    qtbot.waitUntil(window.actions_["close-selected"].isEnabled, timeout=PATIENCE_MS)
    assert window.actions_["collect"].isEnabled()


# The cache


def test_clearing_shows_first_what_it_does(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    trigger(window, "clear")
    question = dialog(window, ClearDialog)
    assert isinstance(question, ClearDialog)
    assert not question.go.isEnabled()
    qtbot.waitUntil(question.go.isEnabled, timeout=PATIENCE_MS)
    facts = [label.text() for label in question._values]
    assert facts[0] == "2"
    assert facts[3].startswith("4 ")
    assert rows(window)["one.lua"] == "current"  # asking changes nothing
    question.accept()
    qtbot.waitUntil(lambda: rows(window)["one.lua"] == "cleared", timeout=PATIENCE_MS)
    retired = [row for row in window.state.generations.values() if row.state is GenerationState.RETIRED]
    assert {row.holders for row in retired} == {4}


def test_a_pattern_clears_what_it_matches(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    trigger(window, "evict-pattern")
    question = dialog(window, ClearDialog)
    assert isinstance(question, ClearDialog)
    question.pattern.setText("*one*")
    qtbot.waitUntil(question.go.isEnabled, timeout=PATIENCE_MS)
    question.accept()
    qtbot.waitUntil(lambda: rows(window)["one.lua"] == "cleared", timeout=PATIENCE_MS)
    assert rows(window)["two.lua"] == "current"


def test_an_empty_pattern_never_clears_all(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    trigger(window, "evict-pattern")
    question = dialog(window, ClearDialog)
    assert isinstance(question, ClearDialog)
    question.pattern.setText("*one*")
    qtbot.waitUntil(question.go.isEnabled, timeout=PATIENCE_MS)
    question.pattern.setText("")
    assert not question.go.isEnabled()
    question.reject()


def test_the_list_of_generations_names_the_holders_of_one(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    window.feature(GenerationsFeature).dock.view.select_ids([next(iter(window.state.generations))])
    qtbot.waitUntil(
        lambda: "is held by 4 VMs" in window.feature(GenerationsFeature).dock.holders_text, timeout=PATIENCE_MS
    )


# Console and log


def test_the_console_shows_output_results_and_errors_once(window: MainWindow, qtbot: QtBot) -> None:
    spawn(window, qtbot, 1)
    output = window.feature(ConsoleFeature).dock.output
    for source, ending in (("print('hello') return 7", "\n7"), ("error 'boom'", "in ?")):
        window.feature(ConsoleFeature).dock.input.setPlainText(source)
        window.feature(ConsoleFeature).dock.input.submit()
        qtbot.waitUntil(lambda ending=ending: output.toPlainText().endswith(ending), timeout=PATIENCE_MS)
    assert "console:1: boom\nstack traceback:" in output.toPlainText()
    sample = window.state.sample
    qtbot.waitUntil(lambda: window.state.sample != sample, timeout=PATIENCE_MS)  # output events came, too
    text = output.toPlainText()
    assert text.count("hello") == 2  # in the source and in the output
    assert "\n7\n" in text


def test_input_is_remembered_in_the_next_session(window: MainWindow, qtbot: QtBot, settings: WindowSettings) -> None:
    spawn(window, qtbot, 1)
    window.feature(ConsoleFeature).dock.input.setPlainText("return 1")
    window.feature(ConsoleFeature).dock.input.submit()
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    assert settings.history == ["return 1"]
    qtbot.keyClick(window.feature(ConsoleFeature).dock.input, Qt.Key.Key_Up)
    assert window.feature(ConsoleFeature).dock.input.toPlainText() == "return 1"


def test_the_log_filters_by_outcome(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    qtbot.waitUntil(lambda: window.feature(LogFeature).dock.model.total == 12, timeout=PATIENCE_MS)
    window.feature(LogFeature).dock.outcomes.choose("Errors")
    assert window.feature(LogFeature).dock.model.rowCount() == 4
    window.feature(LogFeature).dock.outcomes.reset()
    assert window.feature(LogFeature).dock.model.rowCount() == 12


# The host


def test_a_killed_host_is_told_and_one_click_restarts_it(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    open_folder(window, qtbot, folder)
    window.messages.withdraw("")
    assert window.state.settings is not None
    os.kill(window.state.settings.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not window.link.is_connected, timeout=PATIENCE_MS)
    message = window.messages.current
    assert message is not None
    assert "killed by signal 9" in message.text
    assert "Lost: 4 VMs with all they held, 3 cached files" in message.text
    assert not window.feature(FilesFeature).dock.view.isEnabled()
    assert not window.actions_["spawn"].isEnabled()
    window.messages._offer.click()
    qtbot.waitUntil(lambda: window.link.is_connected and not window.state.vms, timeout=PATIENCE_MS)
    assert window.feature(FilesFeature).dock.view.isEnabled()
    assert rows(window) == {}
    assert not window.messages.isVisible()


# The window itself


def test_every_action_can_be_found_and_triggered_by_name(idle_window: MainWindow, qtbot: QtBot) -> None:
    trigger(idle_window, "palette")
    palette = dialog(idle_window, CommandPalette)
    assert isinstance(palette, CommandPalette)
    qtbot.keyClicks(palette.line, "dark")
    assert palette.list.count() == 1
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert idle_window.context.settings.theme == "dark"


def test_every_action_explains_itself(idle_window: MainWindow) -> None:
    for action in idle_window.actions_.values():
        assert action.text()
        assert action.statusTip()


def test_no_two_actions_of_the_window_share_a_shortcut(idle_window: MainWindow) -> None:
    window_wide = [
        action.shortcut().toString()
        for action in idle_window.actions_.values()
        if not action.shortcut().isEmpty() and action.shortcutContext() == Qt.ShortcutContext.WindowShortcut
    ]
    assert sorted(window_wide) == sorted(set(window_wide))


def test_layout_theme_and_columns_are_remembered(qtbot: QtBot, settings: WindowSettings) -> None:
    first = app.build(settings=settings)
    first.show()
    qtbot.waitExposed(first)
    first.workspace.docks["log"].close()
    first.feature(VMsFeature).dock.view._show_column(2, True)
    first.actions_["theme-dark"].trigger()
    first.feature(PlotsFeature).dock.set_span(30)
    first.close()
    first.deleteLater()

    second = app.build(settings=settings)
    second.show()
    qtbot.waitUntil(lambda: second.workspace.docks["log"].isHidden(), timeout=PATIENCE_MS)
    assert not second.feature(VMsFeature).dock.view.isColumnHidden(2)
    assert second.actions_["theme-dark"].isChecked()
    assert second.feature(PlotsFeature).dock.range_name == "30 s"
    second.actions_["reset-layout"].trigger()
    assert not second.workspace.docks["log"].isHidden()
    second.close()
    second.deleteLater()


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_table_is_exported_with_raw_values(
    window: MainWindow, qtbot: QtBot, folder: Path, tmp_path: Path, suffix: str
) -> None:
    open_folder(window, qtbot, folder)
    out = tmp_path / f"files.{suffix}"
    window.feature(ExportFeature).write_table(window.feature(FilesFeature).dock, out)
    if suffix == "json":
        records = json.loads(out.read_text())
    else:
        with out.open(newline="") as file:
            records = list(csv.DictReader(file))
    assert {Path(record["file"]).name for record in records} == {"one.lua", "two.lua", "broken.lua"}
    assert {str(record["errors"]) for record in records if "broken" in record["file"]} == {"4"}


def test_an_export_that_fails_is_told(idle_window: MainWindow, tmp_path: Path) -> None:
    idle_window.feature(ExportFeature).write_table(
        idle_window.feature(FilesFeature).dock, tmp_path / "missing" / "files.csv"
    )
    assert idle_window.messages.current is not None
    assert "was not written" in idle_window.messages.current.text


def test_a_screenshot_is_a_picture_of_the_window(idle_window: MainWindow, tmp_path: Path) -> None:
    idle_window.feature(ExportFeature).write_screenshot(tmp_path / "shot.png")
    assert QImage(str(tmp_path / "shot.png")).size() == idle_window.size() * idle_window.devicePixelRatio()


def test_the_vms_of_a_window_share_as_it_was_started(idle_window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    idle_window.link.start_host(["--sharing", "bytecode"])
    idle_window.open_paths([str(folder)])
    qtbot.waitUntil(lambda: idle_window.state.tiers == "bytecode", timeout=PATIENCE_MS)
    idle_window.link.restart()
    qtbot.waitUntil(lambda: not idle_window.state.vms, timeout=PATIENCE_MS)
    idle_window.open_paths([str(folder)])
    qtbot.waitUntil(lambda: idle_window.state.tiers == "bytecode", timeout=PATIENCE_MS)
