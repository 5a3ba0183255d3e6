"""The console: what a VM prints is seen once, whether the event or the result of the run comes first."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.model import LuaFailure, OutputEvent, RunResult
from moonscope_gui.features.console.dock import SCROLLBACK, ConsoleDock
from moonscope_gui.widgets import theme
from moonscope_gui.widgets.history_edit import HistoryEdit


@pytest.fixture
def console(qtbot: QtBot) -> ConsoleDock:
    console = ConsoleDock([])
    qtbot.addWidget(console)
    return console


def printed(text: str, time: float, vm: int = 1) -> OutputEvent:
    return OutputEvent(serial=int(time * 10), time=time, vm=vm, text=text)


def lines(console: ConsoleDock) -> list[str]:
    return [line.strip() for line in console.output.toPlainText().splitlines()]


@pytest.mark.parametrize("early", [0, 1, 2])
def test_output_is_shown_once_however_late_its_events_come(console: ConsoleDock, early: int) -> None:
    events = [printed("one\n", 1.0), printed("two\n", 2.0)]
    console.begin("f()", [1])
    console.show_output(events[:early])
    console.show_results([RunResult(vm=1, output="one\ntwo\n")])
    console.show_output(events[early:])
    console.show_output([printed("later\n", 4.0)])
    assert lines(console)[1:] == ["1│ one", "1│ two", "1│ later"]


def test_runs_that_wait_for_each_other_in_one_vm_each_show_their_output_once(console: ConsoleDock) -> None:
    console.begin("f()", [1])
    console.begin("g()", [1])
    console.show_output([printed("f\n", 1.0), printed("g begins\n", 2.0)])
    console.show_results([RunResult(vm=1, output="f\n")])
    console.show_output([printed("g goes on\n", 3.0)])
    console.show_results([RunResult(vm=1, output="g begins\ng goes on\ng ends\n")])
    console.show_output([printed("g ends\n", 4.0)])
    assert lines(console)[2:] == ["1│ f", "1│ g begins", "1│ g goes on", "1│ g ends"]


def test_output_after_a_run_that_gave_no_results_is_shown(console: ConsoleDock) -> None:
    console.begin("f()", [1])
    console.show_output([printed("f\n", 1.0)])
    console.give_up([1], "cancelled")
    console.begin("g()", [1])
    console.show_results([RunResult(vm=1, output="g\n")])
    console.show_output([printed("g\n", 2.0)])
    assert lines(console)[1:3] == ["1│ f", "cancelled"]
    assert lines(console)[4:] == ["1│ g"]


def test_a_silent_run_takes_nothing_of_what_the_next_one_prints(console: ConsoleDock) -> None:
    console.begin("x = 1", [1])
    console.begin("f()", [1])
    console.show_output([printed("f\n", 1.0)])
    console.show_results([RunResult(vm=1)])
    console.show_results([RunResult(vm=1, output="f\n")])
    assert lines(console)[2:] == ["1│ f", "ok"]


def test_what_others_print_in_the_same_vm_hides_nothing(console: ConsoleDock) -> None:
    console.begin("f()", [1])
    console.show_output([printed("from a script\n", 1.0), printed("f\n", 2.0)])
    console.show_results([RunResult(vm=1, output="f\nand on\n")])
    console.show_output([printed("and on\n", 3.0)])
    assert lines(console)[1:] == ["1│ from a script", "1│ f", "1│ and on"]


def test_output_of_every_vm_is_accounted_for_when_only_some_results_are_shown(console: ConsoleDock) -> None:
    many = range(1, 1001)
    console.begin("print(1)", many)
    console.show_results([RunResult(vm=vm, output="1\n") for vm in many])
    console.show_output([printed("1\n", 1.0, vm) for vm in many])
    console.show_output([printed("later\n", 2.0, vm=1000)])
    assert lines(console)[-2:] == ["and 800 more results", "1000│ later"]


def test_output_of_vms_the_console_does_not_use_is_shown_too(console: ConsoleDock) -> None:
    console.show_output([printed("from a script\n", 1.0, vm=42)])
    assert lines(console) == ["42│ from a script"]


def test_results_of_several_vms_name_them(console: ConsoleDock) -> None:
    console.begin("x", [1, 2])
    console.show_results([RunResult(vm=1, values=("1", '"a"')), RunResult(vm=2, values=("nil",))])
    assert lines(console)[1:] == ['VM 1: 1, "a"', "VM 2: nil"]


def test_an_error_comes_with_its_traceback(console: ConsoleDock) -> None:
    console.begin("error()", [1])
    failure = LuaFailure("console:1: boom", "stack traceback:\n\t[C]: in ?")
    console.show_results([RunResult(vm=1, failure=failure)])
    assert lines(console)[1:] == ["console:1: boom", "stack traceback:", "[C]: in ?"]


@pytest.mark.slow
def test_a_flood_is_cut_and_counted(console: ConsoleDock) -> None:
    console.show_output([printed(f"{n}\n", 1.0 + n) for n in range(10_000)])
    assert lines(console)[-1] == "and output of 9,800 more calls of print"
    for round_ in range(60):
        console.show_output([printed(f"{n}\n", 20_000.0 + round_ * 1000 + n) for n in range(200)])
    assert console.output.blockCount() <= SCROLLBACK


def test_enter_runs_and_shift_enter_starts_a_line(qtbot: QtBot) -> None:
    edit = HistoryEdit([])
    qtbot.addWidget(edit)
    run: list[str] = []
    edit.submitted.connect(run.append)
    qtbot.keyClicks(edit, "x = 1")
    qtbot.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(edit, "print(x)")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert run == ["x = 1\nprint(x)"]
    assert edit.toPlainText() == ""


def test_arrows_walk_through_history_and_back_to_what_was_being_written(qtbot: QtBot) -> None:
    edit = HistoryEdit(["first", "second"])
    qtbot.addWidget(edit)
    qtbot.keyClicks(edit, "draft")
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(edit, key)
        seen.append(edit.toPlainText())
    assert seen == ["second", "first", "first", "second", "draft"]


def test_what_was_written_takes_on_the_colours_of_another_theme(console: ConsoleDock, qapp: QApplication) -> None:
    theme.apply(qapp, "dark")
    console.show_error("no moon cheese\nat all")
    console.show_output([printed("hello\n", 1.0)])
    theme.apply(qapp, "light")
    assert colours(console) == [theme.colour("error"), theme.colour("error"), theme.colour("text")]


def test_a_run_that_was_interrupted_is_no_error(console: ConsoleDock) -> None:
    console.begin("f()", [1])
    console.show_results([RunResult(vm=1, failure=LuaFailure("interrupted", "stack"), interrupted=True)])
    console.begin("g()", [1])
    console.show_results([RunResult(vm=1, failure=LuaFailure("oh", "stack"))])
    shown = dict(zip(lines(console), colours(console), strict=True))
    assert (shown["interrupted"], shown["oh"]) == (theme.colour("stale"), theme.colour("error"))


def colours(console: ConsoleDock) -> list[QColor]:
    """Of each line."""
    blocks, block = [], console.output.document().begin()
    while block.isValid():
        blocks.append(block.begin().fragment().charFormat().foreground().color())
        block = block.next()
    return blocks
