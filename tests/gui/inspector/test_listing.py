"""The listing: rows of instructions with names resolved, arrows and links."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.bytecode import listing
from moonscope.model import LuaVersion, PrototypeTree
from moonscope_gui.features.inspector.listing_model import JUMPS, LINE, MEANING, OPCODE, OPERANDS, ListingModel
from moonscope_gui.features.inspector.listing_view import ListingView

from .conftest import Compile


@pytest.fixture
def model(qapp: QApplication, tree: PrototypeTree) -> ListingModel:
    model = ListingModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(tree.root.children[0], tree.lua)
    return model


@pytest.fixture
def view(model: ListingModel, qtbot: QtBot) -> ListingView:
    view = ListingView(model)
    qtbot.addWidget(view)
    view.resize(700, 400)
    with qtbot.waitExposed(view):
        view.show()
    return view


def row_with(model: ListingModel, opcode: str) -> int:
    return next(row for row, each in enumerate(model.code) if each.opcode == opcode)


class TestModel:
    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_every_cell_of_every_lua_has_text(self, qapp: QApplication, compiled: Compile, lua: LuaVersion) -> None:
        model = ListingModel()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        tree = compiled(lua=lua)
        for prototype in (tree.root, *tree.root.children):
            model.show(prototype, lua)
            assert model.rowCount() == len(prototype.code)
            for row in range(model.rowCount()):
                assert model.text_at(row, OPCODE) == prototype.code[row].opcode
                for column in (JUMPS, LINE, OPERANDS, MEANING):
                    assert isinstance(model.text_at(row, column), str)

    def test_constants_and_variables_are_named(self, model: ListingModel) -> None:
        row = row_with(model, "GETUPVAL")
        assert model.text_at(row, MEANING).startswith("limit")
        row = row_with(model, "LEN")
        assert "R0 list" in model.text_at(row, MEANING)

    def test_a_closure_is_told_by_the_name_of_its_function(self, model: ListingModel, tree: PrototypeTree) -> None:
        model.show(tree.root, tree.lua)
        row = row_with(model, "CLOSURE")
        assert model.text_at(row, MEANING) == "function M.sum <4,14>"
        assert model.child_at(row) == 0
        assert model.target_at(row) is None

    def test_a_jump_leads_to_its_target(self, model: ListingModel) -> None:
        row = row_with(model, "JMP")
        target = model.code[row].target
        assert target is not None
        assert model.target_at(row) == target - 1
        assert f"jumps to {target}" in model.text_at(row, JUMPS)
        assert f"reached from {row + 1}" in model.text_at(target - 1, JUMPS)

    def test_lines_lead_to_their_instructions_and_back(self, model: ListingModel) -> None:
        found = {model.line_at(row) for row in range(model.rowCount())}
        for line in range(1, 1000):
            rows = model.rows_of(line)
            assert model.has_line(line) == (line in found) == bool(rows)
            assert {model.line_at(row) for row in rows} <= {line}
        assert model.rows_of(0) == []
        assert model.last_line == max(found)

    def test_instructions_of_one_line_share_a_ground(self, model: ListingModel) -> None:
        for row in range(1, model.rowCount()):
            same_line = model.line_at(row) == model.line_at(row - 1)
            assert same_line == (model.is_shaded(row) == model.is_shaded(row - 1))

    def test_a_row_is_copied_as_luac_prints_it(self, model: ListingModel, tree: PrototypeTree) -> None:
        printed = listing(tree).splitlines()
        for row in range(model.rowCount()):
            assert model.line_of_listing(row) in printed

    def test_a_very_long_constant_is_cut(self, qapp: QApplication, compiled: Compile) -> None:
        tree = compiled("return '" + "moon" * 1000 + "'")
        model = ListingModel()
        model.show(tree.root, tree.lua)
        assert model.text_at(row_with(model, "LOADK"), MEANING).endswith("more characters")

    def test_twenty_thousand_instructions_make_no_cells_until_they_are_seen(
        self, qapp: QApplication, compiled: Compile
    ) -> None:
        tree = compiled("local t = {}\n" + "t.x = t.y + 1\n" * 7000)
        model = ListingModel()
        model.show(tree.root, tree.lua)
        assert model.rowCount() > 20_000
        assert model.text_at(model.rowCount() - 1, OPCODE) == "RETURN"


class TestView:
    def test_enter_opens_the_current_row(self, view: ListingView, qtbot: QtBot) -> None:
        view.go_to(3)
        with qtbot.waitSignal(view.row_opened) as opened:
            qtbot.keyClick(view, Qt.Key.Key_Return)
        assert opened.args == [3]

    def test_the_right_button_offers_to_follow_and_to_copy(self, view: ListingView, qtbot: QtBot) -> None:
        view.go_to(3)
        choices = {action.text(): action for action in view.actions()}
        with qtbot.waitSignal(view.row_opened) as opened:
            choices["&Follow (Enter)"].trigger()
        assert opened.args == [3]
        choices["&Copy"].trigger()
        assert QGuiApplication.clipboard().text() == f"{view.text_of(3)}\n"

    def test_only_the_user_picks_rows(self, view: ListingView, qtbot: QtBot) -> None:
        with qtbot.assertNotEmitted(view.row_picked):
            view.go_to(2)
        with qtbot.waitSignal(view.row_picked) as picked:
            qtbot.keyClick(view, Qt.Key.Key_Down)
        assert picked.args == [3]

    def test_home_and_end_go_to_the_first_and_last_row(self, view: ListingView, qtbot: QtBot) -> None:
        view.go_to(3)
        qtbot.keyClick(view, Qt.Key.Key_End)
        assert view.current_row() == view.model().rowCount() - 1
        qtbot.keyClick(view, Qt.Key.Key_Home)
        assert view.current_row() == 0

    def test_a_click_on_a_link_follows_it(self, view: ListingView, model: ListingModel, qtbot: QtBot) -> None:
        row = row_with(model, "JMP")
        view.go_to(row)
        place = QPoint(view.columnViewportPosition(MEANING) + 10, view.rowViewportPosition(row) + 5)
        with qtbot.waitSignal(view.link_clicked) as clicked:
            qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert clicked.args == [row]

    def test_a_click_beside_a_link_only_selects(self, view: ListingView, model: ListingModel, qtbot: QtBot) -> None:
        row = row_with(model, "JMP")
        place = QPoint(view.columnViewportPosition(OPCODE) + 10, view.rowViewportPosition(row) + 5)
        with qtbot.assertNotEmitted(view.link_clicked), qtbot.waitSignal(view.row_picked):
            qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def test_the_pointer_tells_its_row_and_when_it_leaves(self, view: ListingView, qtbot: QtBot) -> None:
        with qtbot.waitSignal(view.row_hovered) as hovered:
            qtbot.mouseMove(view.viewport(), QPoint(50, view.rowViewportPosition(2) + 3))
        assert hovered.args == [2]

    def test_selected_rows_are_copied(self, view: ListingView, model: ListingModel, qtbot: QtBot) -> None:
        view.go_to(0)
        qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        expected = "".join(f"{model.line_of_listing(row)}\n" for row in (0, 1))
        assert QGuiApplication.clipboard().text() == expected

    @pytest.mark.parametrize("width", [200, 400, 900])
    def test_it_can_be_painted_at_any_width_with_all_marks(
        self, view: ListingView, model: ListingModel, width: int
    ) -> None:
        view.resize(width, 300)
        view.go_to(row_with(model, "JMP"))
        view.set_linked([1, 2])
        view.set_hinted([3])
        assert not view.grab().isNull()
        assert view.isColumnHidden(LINE) == (width < 500)

    def test_a_row_far_away_comes_into_sight(self, view: ListingView, compiled: Compile, model: ListingModel) -> None:
        tree = compiled("local t = {}\n" + "t.x = t.y + 1\n" * 500)
        model.show(tree.root, tree.lua)
        view.go_to(1200)
        assert 0 <= view.rowViewportPosition(1200) < view.viewport().height()
