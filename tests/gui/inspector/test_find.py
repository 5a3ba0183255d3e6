"""Searching inside one listing and one source: Ctrl+F, from hit to hit, marks, Escape."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from moonscope.model import PrototypeTree
from moonscope_gui.code.code_view import CodeView
from moonscope_gui.code.find_pane import FindPane
from moonscope_gui.features.inspector.detail import Detail
from moonscope_gui.features.inspector.source_file import SourceFile
from moonscope_gui.widgets import theme

from .conftest import PATIENCE_MS, SOURCE

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
LINES = SOURCE.splitlines()


@pytest.fixture
def shown(detail: Detail, tree: PrototypeTree, path: Path, qtbot: QtBot) -> Detail:
    """M.sum with its source."""
    detail.show_tree(tree, SourceFile(str(path)))
    detail.show_prototype(tree.root.children[0], (0,))
    qtbot.waitUntil(lambda: not detail.source.is_busy and not detail.sharing.is_busy, timeout=PATIENCE_MS)
    return detail


def find(pane: FindPane, text: str, qtbot: QtBot) -> None:
    """Open the search as a person does, and type."""
    pane.view.setFocus()
    qtbot.keyClick(pane.view, Qt.Key.Key_F, CTRL)
    pane.bar.field.setText(text)
    qtbot.keyClick(pane.bar.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not pane.is_busy, timeout=PATIENCE_MS)


def words(pane: FindPane) -> str:
    """What the bar says about the hits."""
    return " ".join(filter(None, (label.text() for label in pane.bar.findChildren(QLabel))))


def rows_with(text: str) -> list[int]:
    return [row for row, line in enumerate(LINES) if text in line]


class TestInTheSource:
    @pytest.mark.slow
    def test_goes_from_hit_to_hit_and_around_the_end(self, shown: Detail, qtbot: QtBot) -> None:
        pane = shown.source.finder
        shown.source.view.go_to(0)
        find(pane, "total", qtbot)
        seen = [pane.view.current_row()]
        for _ in rows_with("total"):
            qtbot.keyClick(pane.bar.field, Qt.Key.Key_Return)
            seen.append(pane.view.current_row())
        assert seen == [*rows_with("total"), rows_with("total")[0]]
        qtbot.keyClick(pane.bar.field, Qt.Key.Key_Return, SHIFT)
        assert pane.view.current_row() == rows_with("total")[-1]
        total = len(rows_with("total"))
        assert words(pane) == f"{total} of {total}"

    def test_f3_goes_on_from_the_line_that_is_selected(self, shown: Detail, qtbot: QtBot) -> None:
        pane = shown.source.finder
        find(pane, "total", qtbot)
        first, second, *_, last = rows_with("total")
        pane.view.go_to(first)
        pane.view.setFocus()
        qtbot.keyClick(pane.view, Qt.Key.Key_F3)
        assert pane.view.current_row() == second
        pane.view.go_to(len(LINES) - 1)
        qtbot.keyClick(pane.view, Qt.Key.Key_F3, SHIFT)
        assert pane.view.current_row() == last

    def test_a_hit_leads_on_as_a_click_on_its_line_does(self, shown: Detail, qtbot: QtBot) -> None:
        with qtbot.waitSignal(shown.place_wanted, timeout=PATIENCE_MS) as wanted:
            find(shown.source.finder, "text .. text", qtbot)
        assert wanted.args[0].path == (1, 0)

    def test_case_and_patterns_mean_nothing(self, shown: Detail, qtbot: QtBot) -> None:
        find(shown.source.finder, "LIST[I]", qtbot)
        assert words(shown.source.finder) == f"1 of {len(rows_with('list[i]'))}"

    @pytest.mark.slow
    def test_says_when_there_is_nothing(self, shown: Detail, qtbot: QtBot) -> None:
        row = shown.source.view.current_row()
        find(shown.source.finder, "Mare Imbrium", qtbot)
        assert words(shown.source.finder) == "nothing found"
        assert shown.source.view.current_row() == row


class TestInTheListing:
    @pytest.mark.parametrize(("text", "opcode"), [("FORPREP", "FORPREP"), ("limit", "GETUPVAL"), ("R2 total", "ADD")])
    def test_finds_opcodes_names_and_variables(self, shown: Detail, text: str, opcode: str, qtbot: QtBot) -> None:
        find(shown.finder, text, qtbot)
        assert opcode in {shown.model.code[row].opcode for row in found_rows(shown.finder, qtbot)}

    def test_a_text_does_not_reach_from_one_column_into_the_next(self, shown: Detail, qtbot: QtBot) -> None:
        row = next(row for row, each in enumerate(shown.model.code) if each.opcode == "GETUPVAL")
        find(shown.finder, f"GETUPVAL{shown.model.text_at(row, 4)}", qtbot)
        assert words(shown.finder) == "nothing found"

    def test_another_function_is_searched_anew_but_nothing_is_selected_in_it(
        self, shown: Detail, tree: PrototypeTree, qtbot: QtBot
    ) -> None:
        find(shown.finder, "RETURN", qtbot)
        shown.show_prototype(tree.root.children[1], (1,))
        qtbot.waitUntil(lambda: not shown.finder.is_busy, timeout=PATIENCE_MS)
        returns = sum("RETURN" in each.opcode for each in shown.model.code)
        assert words(shown.finder) == f"{returns} found"
        assert shown.listing.current_row() == -1


class TestMarks:
    @pytest.mark.slow
    def test_hits_stand_out_until_the_search_is_closed(self, shown: Detail, qtbot: QtBot) -> None:
        for pane in (shown.finder, shown.source.finder):
            assert not has_marks(pane.view)
            find(pane, "total", qtbot)
            assert has_marks(pane.view)
            qtbot.keyClick(pane.bar.field, Qt.Key.Key_Escape)
            assert not pane.bar.isVisible()
            assert not has_marks(pane.view)
            assert pane.view.hasFocus()

    @pytest.mark.slow
    def test_a_closed_search_keeps_its_text(self, shown: Detail, qtbot: QtBot) -> None:
        find(shown.finder, "limit", qtbot)
        shown.finder.close_search()
        qtbot.keyClick(shown.listing, Qt.Key.Key_F, CTRL)
        assert shown.finder.bar.field.selectedText() == "limit"


def found_rows(pane: FindPane, qtbot: QtBot) -> set[int]:
    """All rows that stepping leads to."""
    rows: set[int] = set()
    while pane.view.current_row() not in rows:
        rows.add(pane.view.current_row())
        pane.step(1)
    return rows


def has_marks(view: CodeView) -> bool:
    image: QImage = view.viewport().grab().toImage()
    found = theme.colour("found").rgb()
    return any(image.pixel(x, y) == found for x in range(image.width()) for y in range(0, image.height(), 3))
