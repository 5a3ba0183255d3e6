"""Selecting rows: what it costs does not depend on how many they are, and they stay selected whatever comes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.model import (
    CacheMode,
    Counters,
    FileRow,
    GenerationRow,
    GenerationState,
    LoadEvent,
    LuaVersion,
    Outcome,
    Tier,
    Update,
    VMRow,
    VMState,
)
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.versions.feature import VersionsFeature
from moonscope_gui.widgets.table import TableModel
from moonscope_gui.widgets.table_panel import TablePanel
from moonscope_gui.widgets.table_view import TableView

LUA = LuaVersion.LUA54
FEW, MANY = 200, 3000  # rows
TABLES = ("files", "vms", "generations", "log")


def update(rows: int, **more: object) -> Update:
    """An engine with so many files, generations, VMs and loads."""
    names = [f"/srv/m{number:05}.lua" for number in range(1, rows + 1)]
    files = tuple(FileRow(lua=LUA, key=name, generation=id) for id, name in enumerate(names, 1))
    generations = tuple(
        GenerationRow(
            id=id, lua=LUA, key=name, state=GenerationState.CURRENT, tier=Tier.BYTECODE, prototypes=3, source_bytes=10,
            shared_bytes=100, unshared_bytes=1000, private_bytes=400, holders=2, hits=5, created=1.0, compile_us=9.0,
        )
        for id, name in enumerate(names, 1)
    )  # fmt: skip
    vms = tuple(
        VMRow(id=id, lua=LUA, state=VMState.IDLE, mode=CacheMode.ON, tier=Tier.BYTECODE) for id in range(1, rows + 1)
    )
    loads = tuple(
        LoadEvent(serial=id, time=1.0, lua=LUA, vm=1, key=name, outcome=Outcome.HIT, duration_us=1.0, bytes=1)
        for id, name in enumerate(names, 1)
    )
    return Update(revision=1, since=0, reset=True, files=files, generations=generations, vms=vms, loads=loads, **more)  # type: ignore[arg-type]


def file(number: int, hits: int) -> FileRow:
    return FileRow(lua=LUA, key=f"/srv/m{number:05}.lua", generation=number, counters=Counters(hits=hits))


def settle() -> None:
    """Until the event loop has nothing left to do."""
    for _ in range(4):
        QApplication.processEvents()


@contextmanager
def counting() -> Iterator[list[int]]:
    """How many functions in Python were called: by Python, and by Qt, which asks the model for rows and cells."""
    calls = [0]

    def count(frame: FrameType, event: str, argument: object) -> None:
        calls[0] += event == "call"

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def work(window: MainWindow, act: Callable[[], object], painting: bool = False) -> int:
    settle()
    window.setUpdatesEnabled(painting)
    with counting() as calls:
        act()
        settle()
    window.setUpdatesEnabled(True)
    return calls[0]


def fill(window: MainWindow, rows: int) -> None:
    window.context.engine_changed.emit(True)
    window.state.apply(update(rows))
    settle()


def panel(window: MainWindow, table: str) -> TablePanel:
    window.workspace.show_part(table)
    settle()
    return next(found for found in window.findChildren(TablePanel) if found.name == table)


@pytest.mark.slow
@pytest.mark.parametrize(("painting", "more"), [(False, MANY / 4), (True, MANY * 5)])
@pytest.mark.parametrize("table", TABLES)
def test_selecting_all_rows_costs_the_same_whatever_their_number(
    idle_window: MainWindow, table: str, painting: bool, more: float
) -> None:
    """Painting takes some thousand calls, for what is in sight; a header that asks each row takes 25 a row."""
    view = panel(idle_window, table).view
    cost = {}
    for rows in (FEW, MANY):
        fill(idle_window, rows)
        view.clearSelection()
        cost[rows] = work(idle_window, view.selectAll, painting)
        assert view.selection.count == rows
    assert cost[MANY] < cost[FEW] + more


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_an_update_costs_the_same_whatever_is_selected(idle_window: MainWindow, table: str) -> None:
    """Neither an update without rows nor one that changes a row visits the rows that are selected."""
    view = panel(idle_window, table).view
    fill(idle_window, MANY)
    revision = iter(range(2, 1000))

    def idle() -> None:
        step = next(revision)
        idle_window.state.apply(Update(revision=step, since=step - 1))

    def change() -> None:
        step = next(revision)
        idle_window.state.apply(Update(revision=step, since=step - 1, files=(file(7, hits=step),)))

    for act in (idle, change):
        view.clearSelection()
        alone = work(idle_window, act)
        view.selectAll()
        assert work(idle_window, act) < alone + MANY / 4


@pytest.mark.slow
def test_a_row_that_changes_its_place_costs_the_same_whatever_is_selected(idle_window: MainWindow) -> None:
    view = panel(idle_window, "files").view
    fill(idle_window, MANY)
    view.sortByColumn([column.key for column in view._table.columns].index("hits"), Qt.SortOrder.DescendingOrder)
    steps = iter(range(2, 1000))

    def move() -> None:
        step = next(steps)
        idle_window.state.apply(Update(revision=step, since=step - 1, files=(file(step, hits=step),)))

    alone = work(idle_window, move)
    ids = [view._table.id_at(place) for place in range(1, MANY - 1)]
    view.select_ids(ids)
    assert work(idle_window, move) < alone + MANY / 4
    assert view.selection.ids == set(ids)


def test_what_depends_on_a_selection_is_told_once_for_many_changes(idle_window: MainWindow, qtbot: QtBot) -> None:
    view = panel(idle_window, "files").view
    fill(idle_window, FEW)
    told: list[int] = []
    view.chosen.connect(lambda: told.append(view.selection.count))
    for place in range(50):
        view.selectRow(place)
    assert told == []
    qtbot.waitUntil(lambda: bool(told))
    settle()
    assert told == [1]


def test_the_number_of_selected_rows_is_shown(idle_window: MainWindow, qtbot: QtBot) -> None:
    found = panel(idle_window, "files")
    fill(idle_window, MANY)
    found.view.selectAll()
    qtbot.waitUntil(lambda: found._count.text() == f"{MANY:,} selected · {MANY:,}")
    found.view.selectRow(0)
    qtbot.waitUntil(lambda: found._count.text() == f"{MANY:,}")


def test_it_is_known_whether_any_selected_file_changed_or_was_replaced(idle_window: MainWindow) -> None:
    versions, view = idle_window.feature(VersionsFeature), panel(idle_window, "files").view

    def offers() -> tuple[bool, bool]:
        return versions.can_recompile(), versions.can_show_old_code()

    fill(idle_window, FEW)
    view.selectAll()
    assert offers() == (False, False)
    changed = FileRow(lua=LUA, key="/srv/m00007.lua", generation=7, stale="changed", retired=1)
    idle_window.state.apply(Update(revision=2, since=1, files=(changed,)))
    assert offers() == (True, True)
    view.selectRow(0)
    assert offers() == (False, False)
    view.selectAll()
    idle_window.state.apply(Update(revision=3, since=2, files_gone=((LUA, changed.key),)))
    assert offers() == (False, False)


@pytest.mark.parametrize("order", Qt.SortOrder)
@pytest.mark.parametrize("table", TABLES)
def test_rows_with_equal_keys_keep_their_order_whatever_comes(
    idle_window: MainWindow, table: str, order: Qt.SortOrder
) -> None:
    """By their ids, upwards in both directions: not by when they came, changed, or went and came again."""
    found = panel(idle_window, table)
    fill(idle_window, FEW)
    model = found.model
    lua = [column.key for column in model.columns].index("lua")
    found.view.sortByColumn(lua, order)
    ids = sorted(model.id_at(place) for place in range(FEW))  # type: ignore[type-var]
    rows = [model.find(row_id) for row_id in ids]
    model.apply(gone=ids[50:60])
    model.apply([rows[place] for place in (55, 52, 50, 51, 59, 58, 53, 54, 57, 56)])
    model.apply([rows[7], rows[3]])
    model.reset_rows(reversed(rows))
    assert [model.id_at(place) for place in range(FEW)] == ids


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=12), st.sets(st.integers(1, 30)))
def test_a_selection_is_the_same_after_any_reordering(
    idle_window: MainWindow, changes: list[tuple[int, int]], chosen: set[int]
) -> None:
    found = panel(idle_window, "files")
    fill(idle_window, 30)
    found.view.sortByColumn([column.key for column in found.model.columns].index("hits"), Qt.SortOrder.DescendingOrder)
    ids = {(LUA, f"/srv/m{number:05}.lua") for number in chosen}
    found.view.select_ids(list(ids))
    for step, (number, hits) in enumerate(changes, 2):
        idle_window.state.apply(Update(revision=step, since=step - 1, files=(file(number, hits),)))
        assert found.view.selection.ids == ids
        assert set(found.view.selection.positions()) == set(found.model.positions(ids))


def test_copied_rows_are_those_selected_in_the_order_shown(idle_window: MainWindow) -> None:
    view: TableView = panel(idle_window, "vms").view
    fill(idle_window, FEW)
    view.select_ids([9, 3, 4])
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert view.copy_rows() == 3
    lines = QGuiApplication.clipboard().text().split("\n")[1:]
    assert [line.partition("\t")[0] for line in lines] == ["9", "4", "3"]


def test_a_model_without_a_row_selects_none(idle_window: MainWindow) -> None:
    view = panel(idle_window, "files").view
    view.selectAll()
    assert (view.selection.count, view.selection.ids, view.selection.only) == (0, frozenset(), None)
    assert isinstance(view._table, TableModel)


def test_a_key_pressed_at_once_means_what_was_just_selected(idle_window: MainWindow, qtbot: QtBot) -> None:
    """Its shortcut is looked up before the next turn of the event loop."""
    view = panel(idle_window, "files").view
    fill(idle_window, FEW)
    told: list[int] = []
    view.chosen.connect(lambda: told.append(view.selection.count))
    view.setFocus()
    view.selectAll()
    assert told == []
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert told == [FEW]
