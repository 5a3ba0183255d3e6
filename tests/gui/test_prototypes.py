"""The dock of prototypes: the tree with its search, the way through it and back, and what the window tells it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

import moonscope_resources
from moonscope.bytecode import read
from moonscope.cache.code_cache import CodeCache
from moonscope.commands import InspectFile
from moonscope.engine import Engine
from moonscope.model import Instruction, Local, LuaVersion, Prototype, PrototypeTree, Upvalue
from moonscope_gui.code.prototype_names import lines_of, name_of, parameters_of
from moonscope_gui.features.inspector.dock import PrototypesDock
from moonscope_gui.features.inspector.export_text import totals
from moonscope_gui.features.inspector.history import Place
from moonscope_gui.features.inspector.prototype_tree import COLUMNS, PrototypeTreeModel
from moonscope_gui.features.inspector.source_file import SourceFile

PATIENCE_MS = 10_000


def function(name: str = "", line: int = 1, *children: Prototype, constants: tuple[str, ...] = ()) -> Prototype:
    """A function whose code makes a closure of each nested one, after a jump over all of them."""
    closures = tuple(
        Instruction(pc=place + 2, line=line, opcode="CLOSURE", operands=(place, place))
        for place, _ in enumerate(children)
    )
    jump = Instruction(pc=1, line=line, opcode="JMP", operands=(len(children),), target=len(children) + 2)
    end = Instruction(pc=len(children) + 2, line=line + 1, opcode="RETURN0", comment="over")
    return Prototype(
        source="@a.lua", line=line, last_line=line and line + 1, parameters=0, vararg=line == 0, stack_size=2, size=100,
        code=(jump, *closures, end), constants=constants, constant_types=("string",) * len(constants),
        upvalues=(Upvalue("_ENV", True, 0),), locals=(Local("self", 1, 3),), children=children, name=name,
    )  # fmt: skip


def tree(root: Prototype, key: str = "a.lua", notice: str = "") -> PrototypeTree:
    return PrototypeTree(lua=LuaVersion.LUA54, key=key, root=root, notice=notice)


SMALL = tree(
    function(
        "",
        0,
        function("open", 2, function("", 3, constants=('"moon"',))),
        function("close", 7),
    )
)
nested = st.recursive(
    st.builds(function), lambda below: st.lists(below, max_size=4).map(lambda children: function("f", 1, *children))
)


@pytest.fixture
def model(qapp: QApplication) -> PrototypeTreeModel:
    return PrototypeTreeModel()


@pytest.fixture
def dock(qtbot: QtBot) -> PrototypesDock:
    dock = PrototypesDock()
    qtbot.addWidget(dock)
    dock.resize(800, 400)
    dock.show()
    qtbot.waitExposed(dock)
    return dock


def selected(dock: PrototypesDock) -> str:
    return str(dock.browser.view.currentIndex().siblingAtColumn(0).data())


def shown_text(dock: PrototypesDock) -> list[str]:
    return [label.text() for label in dock.findChildren(QLabel) if label.isVisible()]


class TestWords:
    @pytest.mark.parametrize(
        ("prototype", "words"),
        [
            (function("", 0), ("main function", "", "...")),
            (function("spawn", 12), ("spawn", "12–13", "0")),
            (function("", 12), ("line 12", "12–13", "0")),
            (Prototype(source="", line=4, last_line=4, parameters=2, vararg=True, stack_size=2, size=1),
             ("line 4", "4", "2, ...")),
        ],
    )  # fmt: skip
    def test_name_lines_parameters(self, prototype: Prototype, words: tuple[str, str, str]) -> None:
        assert (name_of(prototype), lines_of(prototype), parameters_of(prototype)) == words


class TestModel:
    @pytest.mark.slow
    @given(root=nested)
    def test_is_a_proper_model_of_any_tree(self, root: Prototype, qapp: QApplication) -> None:
        model = PrototypeTreeModel()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.show(tree(root))
        assert count(model) == root.total
        model.show(None)
        assert model.rowCount() == 0

    def test_a_path_leads_to_a_place_and_back(self, model: PrototypeTreeModel) -> None:
        model.show(SMALL)
        for path, name in (((), "main function"), ((0,), "open"), ((0, 0), "line 3"), ((1,), "close")):
            index = model.index_of(path)
            assert index.data() == name
            assert model.path_of(index) == path
        assert model.index_of((0, 5, 1)).data() == "open", "as far down as there is something"

    def test_search_finds_names_first_then_what_is_inside(self, model: PrototypeTreeModel) -> None:
        model.show(SMALL)
        assert model.finder()("OPEN") == [(0,)]
        assert model.finder()("moon") == [(0, 0)]
        assert model.finder()("self") == [(), (0,), (0, 0), (1,)], "in the order of the tree"
        assert model.finder()("line 3") == [(0, 0)]
        assert model.finder()("  ") == model.finder()("nowhere") == []

    def test_ten_thousand_functions_are_as_easy_to_reach(self, model: PrototypeTreeModel) -> None:
        children = tuple(function(f"f{number}", number + 1) for number in range(10_000))
        model.show(tree(function("", 0, *children)))
        root = model.index(0, 0)
        assert model.rowCount(root) == 10_000
        assert model.index(9_999, 0, root).data() == "f9999"
        assert model.finder()("f9999") == [(9_999,)]


def count(model: PrototypeTreeModel, parent: QModelIndex | None = None) -> int:
    """All rows below `parent`."""
    parent = parent or QModelIndex()
    below = [model.index(row, 0, parent) for row in range(model.rowCount(parent))]
    return len(below) + sum(count(model, index) for index in below)


class TestDock:
    def test_says_what_to_do_while_there_is_nothing(self, dock: PrototypesDock) -> None:
        assert any("Select one file" in text for text in shown_text(dock))
        dock.show_tree(SMALL)
        dock.clear()
        assert any("Select one file" in text for text in shown_text(dock))
        assert dock.browser.detail.prototype is None

    def test_shows_key_totals_notice_and_the_main_chunk(self, dock: PrototypesDock) -> None:
        dock.show_tree(tree(SMALL.root, "dir/a.lua", notice="debug information was stripped"))
        shown = shown_text(dock)
        assert "dir/a.lua" in shown
        assert totals(SMALL) in shown
        assert "debug information was stripped" in shown
        assert selected(dock) == "main function"
        assert dock.browser.detail.prototype is SMALL.root

    def test_the_tree_keeps_room_for_its_names_whatever_the_dock_was_before(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.show()
        dock.resize(580, 300)
        before = dock.browser.view.width()
        dock.resize(1200, 700)
        dock.resize(580, 300)
        assert dock.browser.view.width() == before

    @pytest.mark.slow
    def test_a_large_number_of_bytes_is_not_cut(self, dock: PrototypesDock) -> None:
        root = replace(function("", 0), size=1_234_567)
        dock.show_tree(tree(root))
        view, column = dock.browser.view, [title for title, _ in COLUMNS].index("Bytes")
        assert view.columnWidth(column) > view.fontMetrics().horizontalAdvance("1,234,567")

    def test_an_error_takes_the_place_of_the_tree(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.show_error("a.lua:3: unexpected symbol near '='")
        assert "a.lua:3: unexpected symbol near '='" in shown_text(dock)
        assert not dock.browser.view.isVisible()

    def test_what_is_shown_stays_while_another_is_on_its_way(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.show_loading("b.lua")
        assert dock.browser.view.isVisible()
        assert any("b.lua" in text for text in shown_text(dock))
        dock.show_tree(tree(function("", 0), "b.lua"))
        assert dock.browser.view.isEnabled()

    def test_the_same_file_shown_anew_keeps_the_place(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.browser.select((0, 0))
        dock.show_tree(tree(SMALL.root))
        assert selected(dock) == "line 3"
        dock.show_tree(tree(SMALL.root, "other.lua"))
        assert selected(dock) == "main function"

    @pytest.mark.slow
    def test_the_search_goes_through_what_it_finds(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        qtbot.keyClicks(dock.browser.search, "self")
        qtbot.waitUntil(lambda: "1 of 4" in shown_text(dock), timeout=PATIENCE_MS)
        seen = [selected(dock)]
        for _ in range(4):
            qtbot.keyClick(dock.browser.search, Qt.Key.Key_Return)
            seen.append(selected(dock))
        assert seen == ["main function", "open", "line 3", "close", "main function"]
        dock.browser.find_next(-1)
        assert selected(dock) == "close"

    def test_enter_does_not_wait_for_the_search(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        qtbot.keyClicks(dock.browser.search, "moon")
        qtbot.keyClick(dock.browser.search, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: selected(dock) == "line 3", timeout=PATIENCE_MS)
        assert dock.browser.view.isExpanded(dock.browser.view.currentIndex().parent())

    def test_a_search_without_a_match_says_so_and_moves_nothing(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.select((1,))
        qtbot.keyClicks(dock.browser.search, "xyz")
        qtbot.keyClick(dock.browser.search, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: "nothing found" in shown_text(dock), timeout=PATIENCE_MS)
        assert selected(dock) == "close"

    def test_a_match_inside_a_function_leads_to_its_first_use(
        self, dock: PrototypesDock, qtbot: QtBot, tmp_path: Path
    ) -> None:
        file = tmp_path / "a.lua"
        file.write_text("local function f(a)\n  print(a)\n  return a .. 'moon'\nend\nreturn f\n")
        dock.show_tree(read(CodeCache("5.4").compile(str(file)), LuaVersion.LUA54, "a.lua"))
        dock.browser.search.setText("moon")
        qtbot.keyClick(dock.browser.search, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: "1 of 1" in shown_text(dock), timeout=PATIENCE_MS)
        path, pc = dock.browser.detail.place
        assert path == (0,)
        assert "moon" in dock.browser.detail.model.code[pc - 1].comment

    def test_enter_in_the_tree_goes_to_the_listing(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.view.setFocus()
        qtbot.keyClick(dock.browser.view, Qt.Key.Key_Return)
        assert dock.browser.detail.listing.hasFocus()

    def test_ctrl_f_goes_to_the_search(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.view.setFocus()
        qtbot.keyClick(dock.browser.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert dock.browser.search.hasFocus()

    @pytest.mark.slow
    def test_ctrl_f_in_the_listing_searches_the_listing_first(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.detail.listing.setFocus()
        field = dock.browser.detail.finder.bar.field
        qtbot.keyClick(dock.browser.detail.listing, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert field.hasFocus()
        qtbot.keyClick(field, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert dock.browser.search.hasFocus()


class TestWays:
    @pytest.mark.slow
    def test_a_closure_leads_to_its_function_and_back(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.detail.go_to_pc(3)
        dock.browser.detail.follow(2)
        assert selected(dock) == "close"
        press(dock, qtbot, Qt.Key.Key_Left)
        assert dock.browser.detail.place == Place((), 3)
        press(dock, qtbot, Qt.Key.Key_Right)
        assert selected(dock) == "close"

    @pytest.mark.slow
    def test_a_jump_leads_to_its_target_and_back(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.detail.go_to_pc(1)
        dock.browser.detail.follow(0)
        assert dock.browser.detail.place == Place((), 4)
        press(dock, qtbot, Qt.Key.Key_Left)
        assert dock.browser.detail.place == Place((), 1)

    def test_alt_up_leads_to_the_enclosing_function(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.select((0, 0))
        press(dock, qtbot, Qt.Key.Key_Up)
        assert selected(dock) == "open"
        press(dock, qtbot, Qt.Key.Key_Left)
        assert selected(dock) == "line 3"

    @pytest.mark.slow
    def test_what_the_tree_leads_to_is_remembered_too(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        for path in ((0,), (1,)):
            dock.browser.view.setCurrentIndex(dock.browser.model.index_of(path))
        seen = []
        for _ in range(3):
            press(dock, qtbot, Qt.Key.Key_Left)
            seen.append(selected(dock))
        assert seen == ["open", "main function", "main function"]

    @pytest.mark.slow
    def test_a_mouse_with_a_back_button_goes_back(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.go(Place((1,)))
        qtbot.mouseClick(dock.browser.detail.listing.viewport(), Qt.MouseButton.BackButton)
        assert selected(dock) == "main function"
        qtbot.mouseClick(dock.browser.detail.listing.viewport(), Qt.MouseButton.ForwardButton)
        assert selected(dock) == "close"

    @pytest.mark.slow
    def test_another_file_begins_anew(self, dock: PrototypesDock, qtbot: QtBot) -> None:
        dock.show_tree(SMALL)
        dock.browser.go(Place((1,)))
        dock.show_tree(tree(SMALL.root, "other.lua"))
        press(dock, qtbot, Qt.Key.Key_Left)
        assert selected(dock) == "main function"
        assert dock.browser.detail.place.path == ()

    @pytest.mark.slow
    def test_the_same_file_anew_keeps_the_instruction(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.browser.go(Place((0,), 2))
        dock.show_tree(tree(SMALL.root))
        assert dock.browser.detail.place == Place((0,), 2)

    @pytest.mark.slow
    def test_a_closure_of_a_function_that_is_not_there_leads_nowhere(self, dock: PrototypesDock) -> None:
        dock.show_tree(SMALL)
        dock.browser.go(Place((99,)))
        assert selected(dock) == "main function"


def press(dock: PrototypesDock, qtbot: QtBot, key: Qt.Key) -> None:
    dock.browser.detail.listing.setFocus()
    qtbot.keyClick(dock.browser.detail.listing, key, Qt.KeyboardModifier.AltModifier)


class TestFiles:
    @pytest.mark.slow
    def test_the_source_is_shown_beside_the_listing(self, dock: PrototypesDock, qtbot: QtBot, tmp_path: Path) -> None:
        file = tmp_path / "a.lua"
        file.write_text("local a\nlocal b\n")
        dock.show_tree(SMALL, SourceFile(str(file), hashlib.sha256(file.read_bytes()).hexdigest()))
        qtbot.waitUntil(lambda: dock.browser.detail.source.model.rowCount() == 2, timeout=PATIENCE_MS)
        dock.show_tree(tree(SMALL.root, "b.lua"))
        assert dock.browser.detail.source.model.rowCount() == 0, "what belongs to another file is gone at once"

    @pytest.mark.slow
    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_real_files_of_every_lua_can_be_looked_at(self, dock: PrototypesDock, lua: LuaVersion) -> None:
        path = moonscope_resources.samples() / "game" / "world.lua"
        engine = Engine()
        try:
            answer = engine.perform(InspectFile(path=str(path), lua=lua))
        finally:
            engine.close()
        tree = read(answer.dump, answer.lua)
        dock.show_tree(tree)
        root = tree.root
        assert count(dock.browser.model) == root.total == 7
        dock.browser.select((5,))
        prototype = dock.browser.detail.prototype
        assert prototype is not None
        assert dock.browser.detail.listing.model().rowCount() == len(prototype.code) > 0
        assert dock.browser.detail.place == Place((5,))
