"""Table models: whatever sequence of updates, filters and orders comes, views are told exactly what changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QObject, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from moonscope_gui.widgets.arrangement import runs
from moonscope_gui.widgets.table import RAW_ROLE, Column, TableModel
from moonscope_gui.widgets.table_view import TableView


@dataclass(frozen=True)
class Planet:
    id: int
    name: str
    mass: int | None


COLUMNS = (
    Column[Planet]("id", "Id", lambda p: p.id, numeric=True),
    Column[Planet]("name", "Name", lambda p: p.name, stretch=True),
    Column[Planet]("mass", "Mass", lambda p: p.mass, lambda mass: f"{mass} kg", numeric=True),
)


class Planets(TableModel[Planet]):
    def __init__(self, *planets: Planet) -> None:
        super().__init__(COLUMNS)
        self.reset_rows(planets)

    def row_id(self, row: Planet) -> int:
        return row.id

    def names(self) -> list[str]:
        return [self.text_at(position, 1) for position in range(self.rowCount())]


class Probe(QObject):
    """`rows` is kept by signals alone, so a change that is not announced shows as a difference to the model."""

    def __init__(self, model: TableModel[Any]) -> None:
        super().__init__()
        self.model = model
        self.complaints: list[str] = []
        self.resets = 0
        self._before = qInstallMessageHandler(self._hear)
        self._tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
        self.rows = self._read()
        model.rowsInserted.connect(self._inserted)
        model.rowsRemoved.connect(self._removed)
        model.dataChanged.connect(self._changed)
        model.layoutChanged.connect(self._reread)
        model.modelReset.connect(self._reset)

    def close(self) -> None:
        qInstallMessageHandler(self._before)
        self._tester.deleteLater()

    def check(self) -> None:
        assert self.complaints == []
        assert self.rows == self._read()

    def _hear(self, kind: QtMsgType, context: object, text: str) -> None:
        self.complaints.append(text)

    def _row(self, position: int) -> list[Any]:
        columns = range(self.model.columnCount())
        return [self.model.data(self.model.index(position, column)) for column in columns]

    def _read(self) -> list[list[Any]]:
        return [self._row(position) for position in range(self.model.rowCount())]

    def _inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self.rows[first:first] = [self._row(position) for position in range(first, last + 1)]

    def _removed(self, parent: QModelIndex, first: int, last: int) -> None:
        del self.rows[first : last + 1]

    def _changed(self, top: QModelIndex, bottom: QModelIndex) -> None:
        for position in range(top.row(), bottom.row() + 1):
            self.rows[position] = self._row(position)

    def _reread(self) -> None:
        """A layout change moves rows; it must not make or unmake any."""
        now = self._read()
        assert len(now) == len(self.rows)
        self.rows = now

    def _reset(self) -> None:
        self.resets += 1
        self.rows = self._read()


VENUS, EARTH, MARS = Planet(1, "Venus", 48), Planet(2, "Earth", 59), Planet(3, "mars", 6)


def test_rows_keep_the_order_they_came_in(qapp: object) -> None:
    model = Planets(VENUS, EARTH)
    model.apply([MARS])
    model.apply([Planet(1, "Morning star", 48)])
    assert model.names() == ["Morning star", "Earth", "mars"]


def test_sorting_goes_by_raw_value_and_back(qapp: object) -> None:
    model = Planets(VENUS, EARTH, MARS)
    model.sort(2)
    assert model.names() == ["mars", "Venus", "Earth"]  # as text "59 kg" would come before "6 kg"
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert model.names() == ["Venus", "mars", "Earth"]  # whatever the case
    model.sort(-1)
    assert model.names() == ["Venus", "Earth", "mars"]


def test_a_missing_value_sorts_before_all_others(qapp: object) -> None:
    model = Planets(VENUS, Planet(4, "Vulcan", None))
    model.sort(2)
    assert model.names() == ["Vulcan", "Venus"]


@pytest.mark.parametrize("text", ["AR", " ar ", "ar"])
def test_the_filter_finds_text_anywhere_in_any_case(qapp: object, text: str) -> None:
    model = Planets(VENUS, EARTH, MARS)
    model.set_filter(text)
    assert model.names() == ["Earth", "mars"]
    assert model.total == 3


def test_the_filter_leaves_numbers_alone(qapp: object) -> None:
    model = Planets(VENUS)
    model.set_filter("48")
    assert model.names() == []


def test_rows_that_change_enter_and_leave_the_filter(qapp: object) -> None:
    model = Planets(VENUS, EARTH)
    model.set_filter("earth")
    model.apply([Planet(1, "Second Earth", 48), Planet(2, "Terra", 59)])
    assert model.names() == ["Second Earth"]


def test_a_row_that_is_gone_and_sent_again_stays(qapp: object) -> None:
    model = Planets(VENUS)
    model.apply([VENUS], gone=[VENUS.id])
    assert model.names() == ["Venus"]


def test_records_carry_raw_values_of_every_column(qapp: object) -> None:
    model = Planets(VENUS)
    assert model.records() == [{"id": 1, "name": "Venus", "mass": 48}]
    assert model.data(model.index(0, 2), RAW_ROLE) == 48


def test_one_signal_tells_of_neighbours_that_change(qapp: object) -> None:
    model = Planets(*(Planet(i, f"p{i}", i) for i in range(10)))
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda top, bottom: told.append((top.row(), bottom.row())))
    model.apply([Planet(i, "new", 0) for i in (2, 3, 4, 8)])
    assert told == [(2, 4), (8, 8)]


@given(st.lists(st.integers(0, 60), unique=True).map(sorted))
def test_runs_are_the_same_positions_as_inclusive_ranges(positions: list[int]) -> None:
    ranges = list(runs(positions))
    assert [p for first, last in ranges for p in range(first, last + 1)] == positions
    assert all(right[0] > left[1] + 1 for left, right in pairwise(ranges))


ids = st.integers(0, 40)
planets = st.builds(Planet, ids, st.sampled_from(["aa", "ab", "ba", "bb"]), st.none() | st.integers(0, 5))
steps = st.one_of(
    st.tuples(st.just("apply"), st.lists(planets, max_size=30), st.lists(ids, max_size=8)),
    st.tuples(st.just("filter"), st.sampled_from(["", "a", "ab", "nothing"])),
    st.tuples(st.just("sort"), st.integers(-1, 2), st.sampled_from(list(Qt.SortOrder))),
    st.tuples(st.just("accept"), st.booleans()),
)


def is_even(planet: Planet) -> bool:
    return planet.id % 2 == 0


def take(model: Planets, step: tuple[Any, ...]) -> None:
    match step:
        case ("apply", changed, gone):
            model.apply(changed, gone)
        case ("filter", text):
            model.set_filter(text)
        case ("sort", column, order):
            model.sort(column, order)
        case ("accept", only_even):
            model.set_accept(is_even if only_even else None)


@pytest.mark.slow
@given(st.lists(steps, max_size=15))
def test_signals_alone_tell_a_view_everything(qapp: object, todo: list[tuple[Any, ...]]) -> None:
    model = Planets()
    probe = Probe(model)
    try:
        for step in todo:
            take(model, step)
            probe.check()
    finally:
        probe.close()


@pytest.mark.slow
@given(st.lists(steps, max_size=15))
def test_what_is_shown_depends_on_the_rows_alone_not_on_their_history(
    qapp: object, todo: list[tuple[Any, ...]]
) -> None:
    model, rows = Planets(), dict[int, Planet]()
    needle, accept, column, descending = "", False, -1, False
    for step in todo:
        take(model, step)
        match step:
            case ("apply", changed, gone):
                sent = {planet.id for planet in changed}
                for row_id in gone:
                    if row_id not in sent:
                        rows.pop(row_id, None)
                for planet in changed:
                    rows[planet.id] = planet
            case ("filter", text):
                needle = text
            case ("sort", at, order):
                column, descending = at, order == Qt.SortOrder.DescendingOrder
            case ("accept", only_even):
                accept = only_even
    shown = [p for p in rows.values() if needle in p.name and (not accept or is_even(p))]
    if column >= 0:
        shown.sort(key=lambda planet: planet.id)  # rows with equal keys are in the order of their ids, both ways
        shown.sort(key=COLUMNS[column].sort_key, reverse=descending)
    assert [model.row_at(position) for position in range(model.rowCount())] == shown


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=10), st.sets(ids, max_size=5))
def test_selection_survives_as_long_as_its_rows_are_shown(
    qtbot: QtBot, todo: list[tuple[Any, ...]], chosen: set[int]
) -> None:
    model = Planets(*(Planet(i, "aa", i) for i in range(40)))
    view = TableView(model, "empty")
    qtbot.addWidget(view)
    view.select_ids(list(chosen))
    expected = chosen & set(range(40))
    for step in todo:
        take(model, step)
        expected &= {model.id_at(position) for position in range(model.rowCount())}
        assert set(view.selected_ids()) == expected


def test_a_change_all_over_a_large_table_keeps_the_selection(qtbot: QtBot) -> None:
    """So many rows are filtered out one by one that the model resets instead."""
    model = Planets(*(Planet(i, "even" if i % 2 == 0 else "odd", i) for i in range(1000)))
    view = TableView(model, "empty")
    qtbot.addWidget(view)
    probe = Probe(model)
    try:
        view.select_ids([10, 11, 500])
        model.set_filter("even")
        probe.check()
        assert probe.resets == 1
        assert set(view.selected_ids()) == {10, 500}
    finally:
        probe.close()
