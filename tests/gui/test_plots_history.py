"""What plots draw from: rings and archives of fixed size, histories with gaps, rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.model import Counters, Sample
from moonscope_gui.features.plots.archive import Archive, merge
from moonscope_gui.features.plots.history import Column, History, rates
from moonscope_gui.features.plots.ring import Ring

rows_of_two = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), max_size=60)
operations = st.lists(st.one_of(st.just("clear"), st.integers(-1000, 1000)), max_size=200)


def sample(time: float, hits: int = 0, vms: int = 1, shared: int = 0) -> Sample:
    return Sample(time=time, vms=vms, shared_bytes=shared, counters=Counters(hits=hits))


class TestRing:
    @given(capacity=st.integers(1, 20), rows=rows_of_two)
    def test_holds_the_latest_rows_oldest_first(self, capacity: int, rows: list[tuple[int, int]]) -> None:
        ring = Ring(capacity, 2)
        for number, row in enumerate(rows, 1):
            ring.append(row)
            assert ring.rows().tolist() == [list(kept) for kept in rows[:number][-capacity:]]
        assert (len(ring), ring.written) == (min(len(rows), capacity), len(rows))
        assert ring.overflowed == (len(rows) > capacity)

    @given(capacity=st.integers(1, 20), steps=operations)
    def test_begins_anew_after_clear(self, capacity: int, steps: list[int | str]) -> None:
        ring, expected = Ring(capacity, 1), list[float]()
        for step in steps:
            if isinstance(step, str):
                ring.clear()
                expected.clear()
            else:
                ring.append([step])
                expected.append(step)
            assert ring.rows()[:, 0].tolist() == expected[-capacity:]

    def test_what_it_shows_cannot_be_changed_from_outside(self) -> None:
        ring = Ring(4, 1)
        ring.append([1])
        with pytest.raises(ValueError, match="read-only"):
            ring.rows()[0, 0] = 2

    @pytest.mark.parametrize(("capacity", "width"), [(0, 1), (1, 0), (-3, 2)])
    def test_needs_room(self, capacity: int, width: int) -> None:
        with pytest.raises(ValueError, match="at least one row"):
            Ring(capacity, width)


class TestMerge:
    @given(rows=rows_of_two.filter(len), group=st.integers(1, 9), first=st.integers(0, 40))
    def test_groups_begin_at_multiples_of_the_serial_number(
        self, rows: list[tuple[int, int]], group: int, first: int
    ) -> None:
        by_group: dict[int, list[tuple[int, int]]] = {}
        for serial, row in enumerate(rows, first):
            by_group.setdefault(serial // group, []).append(row)
        expected = [[max(column) for column in zip(*members, strict=True)] for members in by_group.values()]
        assert merge(np.array(rows, dtype=float), group, first).tolist() == expected

    def test_a_gap_stays_a_gap(self) -> None:
        merged = merge(np.array([[1.0, 5.0], [2.0, math.nan], [3.0, 6.0], [4.0, 7.0]]), 2)
        assert merged[:, 0].tolist() == [2, 4]
        assert np.isnan(merged[0, 1])
        assert merged[1, 1] == 7


class TestArchive:
    @given(half=st.integers(1, 8), values=st.lists(st.integers(0, 1000), min_size=1, max_size=300))
    def test_keeps_the_whole_run_in_bounded_room(self, half: int, values: list[int]) -> None:
        archive = Archive(2 * half, 2)
        for time, value in enumerate(values):
            archive.append((time, value))
        rows = archive.rows()
        assert len(rows) <= 2 * half
        assert rows[-1, 0] == len(values) - 1
        assert rows[:, 1].max() == max(values)
        times, stride = rows[:, 0], archive.stride
        assert times[:-1].tolist() == [stride * (place + 1) - 1 for place in range(len(times) - 1)]

    @pytest.mark.parametrize("capacity", [0, 1, 7])
    def test_needs_an_even_number_of_rows(self, capacity: int) -> None:
        with pytest.raises(ValueError, match="even number"):
            Archive(capacity, 1)


class TestHistory:
    def test_is_empty_at_first(self) -> None:
        history = History()
        assert len(history) == 0
        assert history.rows().shape[0] == 0
        assert math.isnan(history.first_time)
        assert math.isnan(history.last_time)

    def test_repeated_samples_are_left_out(self) -> None:
        history = History()
        for time in (1.0, 2.0, 2.0, 1.5, 3.0):
            history.add(sample(time))
        assert history.rows()[:, Column.TIME].tolist() == [1, 2, 3]

    def test_a_clock_that_is_set_back_begins_a_new_history(self) -> None:
        history = History()
        history.add(sample(5000))
        history.add(sample(10))
        history.add(sample(11))
        assert history.rows()[:, Column.TIME].tolist() == [10, 11]
        assert history.first_time == 10

    def test_a_part_comes_with_its_neighbours_so_that_lines_reach_the_edges(self) -> None:
        history = History()
        for time in range(10):
            history.add(sample(float(time)))
        assert history.rows(3.5, 6.5)[:, Column.TIME].tolist() == [3, 4, 5, 6, 7]

    def test_a_gap_is_recorded_once_and_breaks_the_line(self) -> None:
        history = History()
        history.add_gap()
        assert len(history) == 0
        history.add(sample(1.0))
        history.add_gap()
        history.add_gap()
        history.add(sample(2.0))
        assert np.isnan(history.rows()[:, Column.VMS]).tolist() == [False, True, False]

    def test_long_parts_are_merged_but_keep_their_peaks(self) -> None:
        history = History()
        for time in range(4000):
            history.add(sample(float(time), shared=900 if time == 1234 else 5))
        rows = history.rows(limit=300)
        assert len(rows) <= 300
        assert rows[:, Column.SHARED].max() == 900

    def test_the_beginning_is_there_after_the_recent_rows_ran_over(self) -> None:
        history = History(recent=100, archive=64)
        for time in range(1000):
            history.add(sample(float(time), hits=time))
        assert history.rows(950.0)[:, Column.TIME].tolist() == list(range(949, 1000))
        everything = history.rows()
        assert history.first_time == 0
        assert everything[0, Column.TIME] < 32
        assert everything[-1, Column.HITS] == 999
        assert (np.diff(everything[:, Column.TIME]) > 0).all()


class TestRates:
    def test_are_per_second_between_neighbours(self) -> None:
        history = History()
        for time, hits in ((0.0, 0), (0.5, 10), (2.5, 10), (3.0, 11)):
            history.add(sample(time, hits=hits))
        hits_per_second = rates(history.rows())[:, 0]
        assert np.isnan(hits_per_second[0])
        assert hits_per_second[1:].tolist() == [20, 0, 2]

    def test_are_unknown_beside_gaps_and_after_another_engine_began_at_zero(self) -> None:
        history = History()
        history.add(sample(1.0, hits=5))
        history.add(sample(2.0, hits=6))
        history.add_gap()
        history.add(sample(3.0, hits=7))
        history.add(sample(4.0, hits=2))
        history.add(sample(5.0, hits=3))
        known = ~np.isnan(rates(history.rows())[:, 0])
        assert known.tolist() == [False, True, False, False, False, True]

    def test_nothing_has_no_rate(self) -> None:
        assert rates(History().rows()).shape == (0, 5)
