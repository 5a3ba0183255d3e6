"""One prototype from all sides: what is selected on one is marked on the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from moonscope.model import LuaVersion, PrototypeTree
from moonscope_gui.features.inspector.detail import Detail
from moonscope_gui.features.inspector.history import Place
from moonscope_gui.features.inspector.panes import BELOW_FROM, BESIDE_FROM
from moonscope_gui.features.inspector.source_file import SourceFile

from .conftest import PATIENCE_MS, SOURCE, Compile

SUM = (0,)


@pytest.fixture
def shown(detail: Detail, tree: PrototypeTree, path: Path, qtbot: QtBot) -> Detail:
    """M.sum with its source."""
    detail.show_tree(tree, SourceFile(str(path)))
    detail.show_prototype(tree.root.children[0], SUM)
    settle(detail, qtbot)
    return detail


def settle(detail: Detail, qtbot: QtBot) -> None:
    panes = (detail.source, detail.sharing, detail.bytes)
    qtbot.waitUntil(lambda: not any(pane.is_busy for pane in panes), timeout=PATIENCE_MS)


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(SOURCE.splitlines(), 1) if text in line)


def lit(detail: Detail, name: str) -> list[str]:
    """The entries of a table that are brought out, by their names."""
    model: Any = detail.table(name).model()
    rows = [model.row_at(position) for position in range(model.rowCount())]
    return [row.value if name == "constants" else row.value.name for row in rows if row.lit]


class TestListingAndSource:
    def test_an_instruction_marks_its_line(self, shown: Detail, qtbot: QtBot) -> None:
        row = next(row for row, each in enumerate(shown.model.code) if each.opcode == "LEN")
        shown.listing.setFocus()
        shown.listing.go_to(row - 1)
        qtbot.keyClick(shown.listing, Qt.Key.Key_Down)
        assert shown.listing.current_row() == row
        assert shown.source.view.current_row() + 1 == line_of("for i = first")

    def test_a_line_selects_what_it_was_compiled_to(self, shown: Detail) -> None:
        line = line_of("total + limit")
        shown.source.line_picked.emit(line)
        assert shown.model.line_at(shown.listing.current_row()) == line

    def test_a_line_of_another_function_leads_there(self, shown: Detail, qtbot: QtBot) -> None:
        with qtbot.waitSignal(shown.place_wanted) as wanted:
            shown.source.line_picked.emit(line_of("text .. text"))
        assert wanted.args[0].path == (1, 0)

    def test_a_line_without_code_leads_nowhere(self, shown: Detail, qtbot: QtBot) -> None:
        with qtbot.assertNotEmitted(shown.place_wanted):
            shown.source.line_picked.emit(line_of("local limit") + 1)

    def test_the_pointer_marks_both_ways(self, shown: Detail) -> None:
        line = line_of("total + limit")
        rows = shown.model.rows_of(line)
        shown.source.line_hovered.emit(line)
        assert shown.listing.hinted == set(rows)
        shown.listing.row_hovered.emit(rows[0])
        assert shown.source.view.hinted == {line - 1}
        shown.listing.row_hovered.emit(-1)
        assert not shown.source.view.hinted


class TestTables:
    @pytest.mark.slow
    def test_variables_alive_at_the_instruction_are_brought_out(self, shown: Detail) -> None:
        shown.panes.bring(shown.table("locals"))
        shown.go_to_pc(1)
        assert lit(shown, "locals") == ["list", "first"]
        loop = next(each.pc for each in shown.model.code if each.line == line_of("total + limit"))
        shown.go_to_pc(loop)
        assert {"list", "first", "total", "i"} <= set(lit(shown, "locals"))

    @pytest.mark.slow
    def test_what_the_instruction_names_is_brought_out(self, shown: Detail) -> None:
        shown.panes.bring(shown.table("upvalues"))
        shown.go_to_pc(next(each.pc for each in shown.model.code if each.opcode == "GETUPVAL"))
        assert lit(shown, "upvalues") == ["limit"]
        shown.go_to_pc(1)
        assert lit(shown, "upvalues") == []

    @pytest.mark.slow
    def test_a_table_that_is_seen_later_is_as_right(self, shown: Detail) -> None:
        shown.go_to_pc(2)
        shown.panes.bring(shown.table("locals"))
        assert lit(shown, "locals") == ["list", "first", "total"]

    def test_an_entry_leads_through_its_uses(self, shown: Detail, qtbot: QtBot) -> None:
        uses = [each.pc for each in shown.model.code if each.opcode == "GETUPVAL"]
        assert len(uses) == 2
        seen = []
        for _ in range(3):
            with qtbot.waitSignal(shown.place_wanted) as wanted:
                shown.table("upvalues").opened.emit(0)
            seen.append(wanted.args[0].pc)
            shown.go_to_pc(wanted.args[0].pc)
        assert seen == [*uses, uses[0]]

    @pytest.mark.slow
    def test_a_variable_leads_to_where_its_life_begins(self, shown: Detail, qtbot: QtBot) -> None:
        prototype = shown.prototype
        assert prototype is not None
        place = [local.name for local in prototype.locals].index("total")
        with qtbot.waitSignal(shown.place_wanted) as wanted:
            shown.table("locals").opened.emit(place)
        assert wanted.args == [Place(SUM, prototype.locals[place].start_pc)]

    @pytest.mark.slow
    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_every_lua_fills_them(self, detail: Detail, compiled: Compile, lua: LuaVersion, qtbot: QtBot) -> None:
        tree = compiled(lua=lua)
        detail.show_tree(tree, None)
        prototype = tree.root.children[0]
        detail.show_prototype(prototype, SUM)
        for name in ("constants", "upvalues", "locals"):
            detail.panes.bring(detail.table(name))
            count = len(getattr(prototype, name))
            qtbot.waitUntil(lambda name=name, n=count: detail.table(name).model().rowCount() == n, timeout=PATIENCE_MS)
        for pc in range(len(prototype.code) + 1):
            detail.go_to_pc(pc)


class TestGoing:
    @pytest.mark.slow
    def test_a_closure_leads_to_its_function(self, shown: Detail, tree: PrototypeTree, qtbot: QtBot) -> None:
        shown.show_prototype(tree.root, ())
        row = next(row for row, each in enumerate(shown.model.code) if each.opcode == "CLOSURE")
        with qtbot.waitSignal(shown.place_wanted) as wanted:
            shown.follow(row)
        assert wanted.args == [Place(SUM)]

    @pytest.mark.slow
    def test_a_jump_leads_to_its_target(self, shown: Detail, qtbot: QtBot) -> None:
        row = next(row for row, each in enumerate(shown.model.code) if each.opcode == "JMP")
        with qtbot.waitSignal(shown.place_wanted) as wanted:
            shown.follow(row)
        assert wanted.args == [Place(SUM, shown.model.code[row].target or 0)]

    def test_other_instructions_lead_nowhere(self, shown: Detail, qtbot: QtBot) -> None:
        with qtbot.assertNotEmitted(shown.place_wanted):
            shown.follow(next(row for row, each in enumerate(shown.model.code) if each.opcode == "LEN"))

    @pytest.mark.slow
    def test_a_reason_leads_to_the_instruction_it_is_about(
        self, detail: Detail, compiled: Compile, qtbot: QtBot
    ) -> None:
        detail.panes.bring(detail.sharing)
        detail.show_tree(compiled("local function f()\n  print(1) counter = 2\nend\nreturn f\n"), None)
        settle(detail, qtbot)
        assert detail.sharing.headline.text() == "Writes globals"
        with qtbot.waitSignal(detail.place_wanted) as wanted:
            detail.sharing.view.select_ids([0])
        place = wanted.args[0]
        assert place.path == (0,)
        tree = compiled("local function f()\n  print(1) counter = 2\nend\nreturn f\n")
        assert "counter" in tree.root.children[0].code[place.pc - 1].comment
        assert "counter" in detail.sharing.reason.text()

    @pytest.mark.slow
    def test_a_box_of_the_treemap_leads_to_its_function(self, shown: Detail, qtbot: QtBot) -> None:
        with qtbot.waitSignal(shown.place_wanted) as wanted:
            shown.bytes.map.picked.emit((1, 0))
        assert wanted.args == [Place((1, 0))]


class TestSharing:
    @pytest.mark.parametrize(
        ("source", "headline", "rows"),
        [
            ("local t = {} return t", "Shares cleanly", 0),
            ("return config", "Reads state of its VM", 1),
            ("counter = 1", "Writes globals", 1),
        ],
    )
    def test_the_verdict_in_words_and_its_reasons(
        self, detail: Detail, compiled: Compile, qtbot: QtBot, source: str, headline: str, rows: int
    ) -> None:
        detail.panes.bring(detail.sharing)
        detail.show_tree(compiled(source), None)
        settle(detail, qtbot)
        assert detail.sharing.headline.text() == headline
        assert detail.sharing.explanation.text()
        assert detail.sharing.model.rowCount() == rows
        assert detail.sharing.view.isVisible() == bool(rows)

    def test_luajit_is_analysed_too(self, detail: Detail, compiled: Compile, qtbot: QtBot) -> None:
        detail.panes.bring(detail.sharing)
        detail.show_tree(compiled("x = 1", LuaVersion.LUAJIT21), None)
        settle(detail, qtbot)
        assert detail.sharing.headline.text() == "Writes globals"


class TestBytes:
    @pytest.mark.slow
    def test_the_bar_has_the_parts_and_the_read_out_the_whole(self, shown: Detail, qtbot: QtBot) -> None:
        shown.panes.bring(shown.bytes)
        settle(shown, qtbot)
        assert shown.prototype is not None
        assert "Code" in shown.bytes.bar.accessibleDescription()
        assert shown.bytes.title.text().startswith("M.sum: ")
        assert "of the file" in shown.bytes.read_out.text()
        shown.bytes.map.grab()
        shown.bytes.map.hovered.emit((1,))
        assert shown.bytes.read_out.text().startswith("M.greet · ")
        assert "1 function inside" in shown.bytes.read_out.text()
        shown.bytes.map.hovered.emit(None)
        assert shown.bytes.read_out.text().startswith("M.sum · ")


class TestRoom:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("width", "height", "beside", "below"),
        [
            (BESIDE_FROM + 50, BELOW_FROM + 90, True, True),
            (BESIDE_FROM + 50, BELOW_FROM - 90, True, False),
            (BESIDE_FROM - 90, BELOW_FROM + 90, False, True),
            (BESIDE_FROM - 90, BELOW_FROM - 90, False, False),
        ],
    )
    def test_tabs_move_to_where_there_is_room(
        self, shown: Detail, width: int, height: int, beside: bool, below: bool
    ) -> None:
        shown.resize(width, height)
        assert (shown.listing.isVisible() and shown.source.isVisible()) == beside
        shown.panes.bring(shown.listing)
        assert (shown.listing.isVisible() and shown.table("constants").isVisible()) == below

    @pytest.mark.slow
    def test_what_was_in_front_stays_in_front(self, shown: Detail) -> None:
        shown.panes.bring(shown.bytes)
        shown.panes.bring(shown.table("locals"))
        shown.resize(400, 300)
        assert shown.listing.isVisible()
        shown.resize(1200, 800)
        assert shown.listing.isVisible()
        titles = [shown.panes.title(view) for view in (shown.listing, shown.table("locals"))]
        assert titles[0] == "Listing"
        assert titles[1].startswith("Locals ")

    def test_the_focus_stays_when_tabs_move(self, shown: Detail, qtbot: QtBot) -> None:
        shown.listing.setFocus()
        qtbot.waitUntil(shown.listing.hasFocus, timeout=PATIENCE_MS)
        shown.resize(400, 300)
        assert shown.listing.hasFocus()


def test_without_a_file_there_is_nothing(shown: Detail) -> None:
    shown.show_tree(None, None)
    assert shown.prototype is None
    assert shown.listing.model().rowCount() == 0
    assert shown.head.text() == ""
    assert shown.sharing.headline.text() == ""
