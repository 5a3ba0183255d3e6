"""The table view: live data moves neither what is looked at nor what is selected."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from moonscope_gui.widgets.table import Column, TableModel
from moonscope_gui.widgets.table_panel import TablePanel
from moonscope_gui.widgets.table_view import TableView


@dataclass(frozen=True)
class Line:
    id: int
    text: str = "text"


class Lines(TableModel[Line]):
    def __init__(self, first: int, last: int) -> None:
        columns = (
            Column[Line]("id", "Id", lambda line: line.id, numeric=True),
            Column[Line]("text", "Text", lambda line: line.text, stretch=True),
            Column[Line]("more", "More", lambda line: "more", rank=1),
            Column[Line]("most", "Most", lambda line: "most", rank=2, width=60),
        )
        super().__init__(columns)
        self.reset_rows(Line(i) for i in range(first, last))

    def row_id(self, row: Line) -> int:
        return row.id


def show(qtbot: QtBot, model: Lines, width: int = 400) -> TableView:
    view = TableView(model, "Nothing here yet")
    qtbot.addWidget(view)
    view.resize(width, 200)
    view.show()
    qtbot.waitExposed(view)
    return view


def first_seen(view: TableView) -> object:
    return view._table.id_at(view.indexAt(QPoint(0, 0)).row())


def test_rows_that_go_above_do_not_move_what_is_seen(qtbot: QtBot) -> None:
    model = Lines(0, 200)
    view = show(qtbot, model)
    view.scrollTo(model.index(100, 0), view.ScrollHint.PositionAtTop)
    before = first_seen(view)
    model.apply(gone=range(50))
    assert first_seen(view) == before


def test_rows_that_come_above_do_not_move_what_is_seen(qtbot: QtBot) -> None:
    model = Lines(0, 200)
    view = show(qtbot, model)
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    view.scrollTo(model.index(100, 0), view.ScrollHint.PositionAtTop)
    before = first_seen(view)
    model.apply([Line(i) for i in range(200, 260)])
    assert first_seen(view) == before


def test_who_watches_the_top_goes_on_watching_the_top(qtbot: QtBot) -> None:
    model = Lines(0, 50)
    view = show(qtbot, model)
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    model.apply([Line(99)])
    assert first_seen(view) == 99


def test_the_end_is_followed_when_asked_for(qtbot: QtBot) -> None:
    model = Lines(0, 50)
    view = show(qtbot, model)
    view.follow_tail = True
    model.apply([Line(i) for i in range(50, 150)])
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0


def test_scrolling_away_from_the_end_is_told(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 200))
    view.follow_tail = True
    view.scrollToBottom()
    with qtbot.waitSignal(view.tail_left):
        qtbot.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)


def test_columns_of_a_rank_are_shown_as_far_as_there_is_room(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 3), width=200)
    narrow = [view.isColumnHidden(column) for column in range(4)]
    view.resize(600, 200)
    qtbot.waitUntil(lambda: not view.isColumnHidden(2))
    wide = [view.isColumnHidden(column) for column in range(4)]
    assert (narrow, wide) == ([False, False, True, True], [False, False, False, True])


def test_the_stretched_column_fills_the_view(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 3), width=500)
    assert view.horizontalHeader().length() == view.viewport().width()


def test_a_choice_of_columns_outlives_the_view(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 3), width=600)
    view._show_column(2, False)
    again = show(qtbot, Lines(0, 3), width=600)
    again.restore_columns(view.save_columns())
    assert again.isColumnHidden(2)
    again.restore_columns(None)
    assert not again.isColumnHidden(2)


def test_enter_opens_the_current_row(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(5, 9))
    view.setCurrentIndex(view._table.index(2, 0))
    with qtbot.waitSignal(view.opened) as opened:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened.args == [7]


def test_selected_rows_are_copied_with_titles(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(5, 9), width=200)
    view.select_ids([8, 6])
    assert view.copy_rows() == 2
    assert QGuiApplication.clipboard().text() == "Id\tText\n6\ttext\n8\ttext"


@pytest.mark.parametrize("text", ["text", ""])
def test_an_empty_table_is_painted(qtbot: QtBot, text: str) -> None:
    view = show(qtbot, Lines(0, 0))
    view._table.set_filter(text)
    assert len({view.grab().toImage().pixel(x, 100) for x in range(400)}) > 1


def test_the_filter_line_waits_until_typing_pauses(qtbot: QtBot) -> None:
    panel = TablePanel(Lines(0, 30), "lines", "lines", "Nothing here yet")
    qtbot.addWidget(panel)
    panel.show()
    with qtbot.waitSignal(panel.filtered):
        qtbot.keyClicks(panel.filter, "nothing")
        assert panel.model.rowCount() == 30
    assert panel.model.rowCount() == 0


def test_the_keyboard_goes_on_from_what_was_selected_for_the_user(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 50))
    view.select_ids([20])
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.selected_ids() == [21]


def test_the_keyboard_goes_on_from_where_it_was_after_a_reset(qtbot: QtBot) -> None:
    model = Lines(0, 50)
    view = show(qtbot, model)
    view.select_ids([20, 21, 22])
    view.setCurrentIndex(model.index(30, 0))
    model.reset_rows(Line(i) for i in range(10, 60))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.selected_ids() == [31]


def test_selecting_for_the_user_does_not_scroll(qtbot: QtBot) -> None:
    view = show(qtbot, Lines(0, 500))
    view.select_ids([400])
    assert first_seen(view) == 0
