"""Comparing versions of a file, the cache with the disk, two files, and two Luas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

import moonscope_resources
from moonscope import CodeCache, bytecode
from moonscope.analysis.compare import compare
from moonscope.analysis.normal import normal_texts
from moonscope.analysis.values import Match
from moonscope.commands import Clear, Load
from moonscope.model import LuaVersion, PrototypeTree
from moonscope_gui.code.spans import LONGEST
from moonscope_gui.features.compare.changes_model import ChangesModel, summary
from moonscope_gui.features.compare.dialog import CompareDialog
from moonscope_gui.features.compare.diff_view import DiffView
from moonscope_gui.features.compare.side_by_side import ConstantsModel, LinesModel, side_by_side
from moonscope_gui.widgets import theme

Person = Any  # of conftest.py

OLD = "local M = {}\nfunction M.f(a) return a + 1 end\nfunction M.g() end\nreturn M\n"
NEW = "local M = {}\nfunction M.f(a) print(a) return a * 2 end\nfunction M.h(...) return ... end\nreturn M\n"


def tree(folder: Path, source: str, lua: LuaVersion = LuaVersion.LUA54) -> PrototypeTree:
    path = folder / "x.lua"
    path.write_text(source)
    return bytecode.read(CodeCache(lua).compile(str(path)), lua, str(path))


# What is shown


def test_every_function_is_told_what_became_of_it(qapp: object, tmp_path: Path) -> None:
    comparison = compare(tree(tmp_path, OLD), tree(tmp_path, NEW))
    model = ChangesModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(comparison)
    shown = {model.text_at(row, 1): model.text_at(row, 0) for row in range(model.rowCount())}
    assert shown == {"main function": "changed", "M.f": "changed", "M.g": "removed", "M.h": "added"}
    growth = sum(record["growth"] for record in model.records())
    assert growth == comparison.b.size - comparison.a.size
    assert summary(comparison).startswith("2 changed, 1 added, 1 removed · ")


STATEMENTS = st.lists(
    st.sampled_from(["x = 1", "x = 2", "y = x + 1", "f(x)", "if x then y = 3 end", "local z = {x}"]), max_size=12
).map("\n".join)


@pytest.mark.slow
@given(STATEMENTS, STATEMENTS)
def test_both_sides_are_whole_and_equal_lines_stand_beside_each_other(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str
) -> None:
    folder = tmp_path_factory.mktemp("compare")
    a, b = tree(folder, before), tree(folder, after)
    change = compare(a, b).changes[0]
    lines = side_by_side(change, a, b)
    assert [line.a for line in lines if line.a_pc] == normal_texts(a.root, a.lua)
    assert [line.b for line in lines if line.b_pc] == normal_texts(b.root, b.lua)
    assert [line.a_pc for line in lines if line.a_pc] == list(range(1, len(a.root.code) + 1))
    assert (change.match is Match.SAME) == all(line.mark == "" for line in lines)
    for line in lines:
        assert {"": line.a == line.b, "+": not line.a_pc, "−": not line.b_pc, "≠": line.a != line.b}[line.mark]


def test_a_function_that_is_new_has_nothing_before_it(qapp: object, tmp_path: Path) -> None:
    a, b = tree(tmp_path, OLD), tree(tmp_path, NEW)
    change = next(change for change in compare(a, b).changes if change.match is Match.ADDED)
    model = LinesModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.reset_rows(side_by_side(change, a, b))
    assert {line.mark for line in side_by_side(change, a, b)} == {"+"}
    assert model.differences() == [0]


def test_constants_of_one_side_are_marked(qapp: object, tmp_path: Path) -> None:
    comparison = compare(tree(tmp_path, "return 'old', 7.5"), tree(tmp_path, "return 'new', 7.5"))
    model = ConstantsModel()
    model.show(comparison.changes[0])
    assert [(row["mark"], row["constant"]) for row in model.records()] == [("−", '"old"'), ("+", '"new"')]


REAL = sorted(path for path in moonscope_resources.samples().rglob("*.lua") if path.name != "broken.lua")


@pytest.mark.slow
@pytest.mark.parametrize("lua", LuaVersion)
def test_colours_change_no_letter(qtbot: QtBot, tmp_path: Path, lua: LuaVersion) -> None:
    """What is coloured is what was compared; only constants of hundreds of characters are cut."""
    model = LinesModel()
    view = DiffView(model, "nothing")
    qtbot.addWidget(view)
    for path in REAL:
        a = b = tree(tmp_path, path.read_text(), lua)
        for change in compare(a, b).changes:
            model.show(change, a, b)
            for row in range(model.rowCount()):
                text = model.row_at(row).a
                if len(text) <= LONGEST:
                    assert "".join(text for text, _ in view.spans(row, 0)) == text
                assert view.spans(row, 1) == view.spans(row, 0)


def test_what_an_instruction_says_is_coloured_as_in_the_listing(qtbot: QtBot, tmp_path: Path) -> None:
    a = tree(tmp_path, "local x = 'moon'\nreturn x .. y")
    model = LinesModel()
    view = DiffView(model, "nothing")
    qtbot.addWidget(view)
    model.show(compare(a, a).changes[0], a, a)
    tones = dict(span for row in range(model.rowCount()) for span in view.spans(row, 0))
    assert (tones["LOADK"], tones['"moon"'], tones["_ENV"]) == ("opcode", "string", "upvalue")


def test_what_differs_stands_on_a_ground_of_its_own(qtbot: QtBot, tmp_path: Path) -> None:
    a, b = tree(tmp_path, "x = 1\ny = 2"), tree(tmp_path, "x = 1\ny = 2\nz = 3")
    model = LinesModel()
    view = DiffView(model, "nothing")
    qtbot.addWidget(view)
    view.resize(800, 300)
    model.show(compare(a, b).changes[0], a, b)
    view.show()
    image = view.viewport().grab().toImage()
    added = next(row for row in range(model.rowCount()) if model.row_at(row).mark == "+")
    middle = view.rowViewportPosition(added) + 2
    grounds = [image.pixelColor(view.columnViewportPosition(column) + 1, middle) for column in (1, 4)]
    assert grounds == [theme.colour("raised"), theme.colour("row-added")]


# In the window


def compared(person: Person) -> CompareDialog:
    dialog: CompareDialog = person.sees(CompareDialog)
    person.waits_until(lambda: dialog.comparison is not None)
    return dialog


@pytest.mark.slow
def test_a_file_is_compared_with_what_is_on_disk(person: Person, folder: Path) -> None:
    person.opens(folder)
    (folder / "one.lua").write_text(NEW)
    person.selects("one.lua")
    person.triggers("compare")
    dialog = compared(person)
    assert "(current, 4 VMs)" in dialog.before.currentText()
    assert dialog.after.currentText() == "one.lua — on disk now"
    assert dialog.summary.text().startswith("2 changed, 1 added")
    assert dialog.lines.rowCount() > 0  # of the first function that differs
    dialog.swap()
    person.waits_until(lambda: dialog.comparison is not None and dialog.comparison.count(Match.REMOVED) == 1)
    dialog.close()


@pytest.mark.slow
def test_the_old_version_that_vms_hold_is_compared_with_the_new_one(person: Person, folder: Path) -> None:
    person.opens(folder)
    path = str(folder / "one.lua")
    (folder / "one.lua").write_text(NEW)
    person.window.tasks.start("evict", Clear(keys=(path,)))
    person.window.tasks.start("load", Load(paths=(path,)))
    person.waits_until(lambda: any(file.retired for file in person.window.state.files.values()))
    person.waits_until(lambda: all(file.generation for file in person.window.state.files.values() if not file.error))
    person.selects("one.lua")
    person.triggers("compare")
    dialog = compared(person)
    assert ("retired" in dialog.before.currentText(), "current" in dialog.after.currentText()) == (True, True)
    dialog.close()


@pytest.mark.slow
def test_two_files_are_compared_and_what_is_the_same_can_be_shown(person: Person, folder: Path) -> None:
    (folder / "three.lua").write_text((folder / "one.lua").read_text() + "-- the same but for this\n")
    person.opens(folder)
    person.selects("one.lua", "three.lua")
    person.triggers("compare")
    dialog = compared(person)
    assert dialog.summary.text() == "Both sides are the same."
    assert dialog.changes.rowCount() == 2
    other_lua = dialog.after.findText("three.lua — on disk now, Lua 5.1", Qt.MatchFlag.MatchStartsWith)
    dialog.after.setCurrentIndex(other_lua)
    person.waits_until(lambda: dialog.comparison is not None)
    assert "different instructions" in dialog.notice.text()
    dialog.close()


@pytest.mark.slow
def test_the_instructions_can_be_searched_and_copied(person: Person, folder: Path, qtbot: QtBot) -> None:
    person.opens(folder)
    (folder / "one.lua").write_text(NEW)
    person.selects("one.lua")
    person.triggers("compare")
    dialog = compared(person)
    dialog.functions.select_ids([dialog.changes.id_at(1)])
    qtbot.keyClick(dialog.code, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(dialog.finder.bar.field, "print")
    qtbot.keyClick(dialog.finder.bar.field, Qt.Key.Key_Return)
    person.waits_until(lambda: "print" in dialog.code.text_of(max(dialog.code.current_row(), 0)))
    qtbot.keyClick(dialog.code, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert '≠\t1\tGETTABUP 1 _ENV "print"' in QGuiApplication.clipboard().text()
    qtbot.keyClick(dialog.finder.bar.field, Qt.Key.Key_Escape)
    assert dialog.isVisible() and not dialog.finder.bar.isVisible()
    dialog.close()


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_told_in_the_dialog(person: Person, folder: Path) -> None:
    person.opens(folder)
    (folder / "one.lua").unlink()
    person.selects("one.lua")
    person.triggers("compare")
    dialog = person.sees(CompareDialog)
    person.waits_until(dialog.notice.isVisible)
    assert "is not a file" in dialog.notice.text()
    dialog.close()


@pytest.mark.slow
def test_an_answer_that_comes_after_the_dialog_was_closed_is_dropped(person: Person, folder: Path) -> None:
    person.opens(folder)
    person.selects("one.lua")
    person.triggers("compare")
    person.sees(CompareDialog).close()
    person.waits_until(lambda: not person.window.tasks.running)
    assert person.window.messages.current is None or "one.lua" not in person.window.messages.current.text
