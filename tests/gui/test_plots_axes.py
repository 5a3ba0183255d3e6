"""Ticks are round in the unit they show; labels of events do not overlap."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import pyqtgraph as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QFont, QFontMetrics
from pytestqt.qtbot import QtBot

from moonscope.model import Mark
from moonscope_gui.features.plots.axes import (
    BytesAxis,
    ClockAxis,
    CountAxis,
    RateAxis,
    binary_step,
    decimal_step,
    tick_bytes,
    tick_count,
)
from moonscope_gui.features.plots.marks import Marks, arrange, wording

spans = st.floats(1e-3, 1e13)
tick_numbers = st.integers(1, 30)


class TestSteps:
    @given(span=spans, ticks=tick_numbers)
    def test_bytes_step_in_powers_of_two(self, span: float, ticks: int) -> None:
        step = binary_step(span, ticks)
        assert math.log2(step).is_integer()
        assert step >= 1
        assert span / step <= ticks or step == 1

    @given(span=spans, ticks=tick_numbers)
    def test_counts_step_by_one_two_or_five(self, span: float, ticks: int) -> None:
        step = decimal_step(span, ticks, least=0)
        leading = f"{step:.6e}"[0]
        assert leading in "125"
        assert span / step <= ticks * (1 + 1e-6)

    def test_whole_things_do_not_step_by_fractions(self) -> None:
        assert decimal_step(2.0, 10, least=1.0) == 1.0

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0, "0"), (512, "512 B"), (1024, "1 KiB"), (1536 * 1024, "1.5 MiB"), (2**40, "1 TiB"), (3 * 2**29, "1.5 GiB")],
    )
    def test_bytes_are_worded_in_binary_units(self, value: float, text: str) -> None:
        assert tick_bytes(value) == text

    @pytest.mark.parametrize(("value", "text"), [(0, "0"), (2000, "2,000"), (20_000, "20 k"), (1_500_000, "1.5 M")])
    def test_counts_are_worded_short(self, value: float, text: str) -> None:
        assert tick_count(value) == text


class TestAxes:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", [BytesAxis, CountAxis, RateAxis])
    @given(low=st.floats(-1e6, 1e9), span=st.floats(1, 1e9), size=st.integers(1, 4000))
    def test_ticks_are_inside_and_few(
        self, kind: type[BytesAxis | CountAxis | RateAxis], low: float, span: float, size: int, qapp: object
    ) -> None:
        axis = kind("left")
        for step, ticks in axis.tickValues(low, low + span, size):
            slack = 1e-6 * (abs(low) + span)
            assert all(low - slack <= tick <= low + span + slack for tick in ticks)
            assert len(ticks) <= max(size / 22, 1) + 1
            assert len(axis.tickStrings(ticks, 1.0, step)) == len(ticks)

    @pytest.mark.parametrize(("low", "high"), [(math.nan, 1.0), (0.0, math.inf), (5.0, 5.0), (6.0, 5.0)])
    def test_an_impossible_range_has_no_ticks(self, low: float, high: float, qtbot: QtBot) -> None:
        assert BytesAxis("left").tickValues(low, high, 100) == []

    @pytest.mark.parametrize(
        ("span", "texts"),
        [(30, ["12:00:05", "12:00:10"]), (120, ["12:00:30", "12:01:00"]), (600, ["12:05", "12:10"]),
         (86400 * 3, ["05", "06"])],
    )  # fmt: skip
    def test_the_clock_is_local_and_round(self, span: float, texts: list[str], qtbot: QtBot) -> None:
        axis = ClockAxis("bottom")
        axis.origin = time.mktime((2026, 3, 4, 12, 0, 3, 0, 0, -1)) + 0.3  # a little after three seconds past
        plot = pg.PlotWidget(axisItems={"bottom": axis})
        qtbot.addWidget(plot)
        plot.resize(500, 200)
        plot.setXRange(0, span, padding=0)
        plot.grab()
        found = [text for step, ticks in axis.tickValues(0.0, span, 400) for text in axis.tickStrings(ticks, 1.0, step)]
        assert found[:2] == texts

    @pytest.mark.slow
    @given(origin=st.floats(1e9, 2e9), low=st.floats(0, 1e6), span=st.floats(10, 3600))
    def test_the_clock_tells_the_time_of_its_ticks(self, origin: float, low: float, span: float, qapp: object) -> None:
        axis = ClockAxis("bottom")
        axis.origin = origin
        axis.fontMetrics = QFontMetrics(QFont())  # as when it was painted
        for step, ticks in axis.tickValues(low, low + span, 400):
            if step < 3600:  # days are looked for in the time zones around, too, and cut by the axis
                assert all(low - 1e-3 <= tick <= low + span + 1e-3 for tick in ticks)
            form = {1.0: "%H:%M:%S", 60.0: "%H:%M", 86400.0: "%a %d"}[step]
            told = [time.strftime(form, time.localtime(round(origin + tick))) for tick in ticks]
            assert axis.tickStrings(ticks, 1.0, step) == told


def mark(moment: float, kind: str = "spawn") -> Mark:
    return Mark(serial=int(moment * 1000), time=moment, kind=kind, text=f"{kind} at {moment}")


def width(text: str) -> float:
    return 7.0 * len(text)


class TestMarks:
    @pytest.mark.parametrize(
        ("kinds", "words"),
        [
            (["spawn"], "spawn"),
            (["spawn", "spawn", "spawn"], "spawn ×3"),
            (["spawn", "clear", "spawn"], "clear, spawn ×2"),
            (["collect", "interrupt", "close", "spawn"], "collect, interrupt …"),
            (["a kind from a later version"] * 12, "×12"),
        ],
    )
    def test_neighbours_share_a_label_and_serious_events_come_first(self, kinds: list[str], words: str) -> None:
        assert wording([mark(place, kind) for place, kind in enumerate(kinds)], width) == words

    @pytest.mark.slow
    @given(
        moments=st.lists(st.floats(0, 600), max_size=40).map(sorted),
        kinds=st.lists(st.sampled_from(["spawn", "clear", "collect", "interrupt"]), min_size=40, max_size=40),
        edge=st.floats(200, 600),
    )
    def test_labels_never_overlap_nor_pass_the_edges(self, moments: list[float], kinds: list[str], edge: float) -> None:
        marks = [mark(moment, kind) for moment, kind in zip(moments, kinds, strict=False)]
        found = [marker for marker in arrange(marks, lambda each: each.time, width, edge) if marker.text]
        labels = sorted((marker.text_x, marker.text_x + width(marker.text)) for marker in found)
        assert all(end < following for (_, end), (following, _) in pairwise(labels))
        assert all(start >= 0 and end <= edge + 1e-9 for start, end in labels)

    @pytest.mark.slow
    @given(
        moments=st.lists(st.floats(0, 600), max_size=40).map(sorted),
        kinds=st.lists(st.sampled_from(["spawn", "clear", "evict", "interrupt"]), min_size=40, max_size=40),
    )
    def test_every_event_stands_where_it_happened_in_its_own_colour(
        self, moments: list[float], kinds: list[str]
    ) -> None:
        marks = [mark(moment, kind) for moment, kind in zip(moments, kinds, strict=False)]
        markers = arrange(marks, lambda each: each.time, width, 600)
        assert [each for marker in markers for each in marker.marks] == marks
        assert len({marker.x for marker in markers}) == len(markers)
        for marker in markers:
            assert all(abs(each.time - marker.x) <= 0.5 for each in marker.marks)
            assert marker.serious == any(each.kind in ("clear", "evict") for each in marker.marks)

    def test_an_evict_is_not_drawn_at_the_spawn_before_it(self) -> None:
        spawn, evict = arrange([mark(10, "spawn"), mark(48, "evict")], lambda each: each.time, width, 600)
        assert (spawn.x, spawn.serious) == (10, False)
        assert (evict.x, evict.serious, evict.text) == (48, True, "evict")
        assert spawn.text == ""  # there is no room beside the serious one

    def test_events_on_the_same_pixel_share_a_marker_and_a_label(self) -> None:
        found = arrange([mark(9.9, "spawn"), mark(10.1, "evict"), mark(10.4, "spawn")], lambda m: m.time, width, 600)
        assert [(marker.x, marker.text) for marker in found] == [(10, "evict, spawn ×2")]

    def test_only_the_latest_are_kept(self) -> None:
        marks = Marks()
        marks.add(mark(float(moment)) for moment in range(5000))
        kept = marks.between(0, 5000)
        assert len(kept) == 1000
        assert kept[-1].time == 4999
        marks.clear()
        assert marks.between(0, 5000) == []
