"""The plots: live, paused, disconnected, hovered over, saved."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from moonscope.model import Counters, Mark, Sample
from moonscope_gui.features.plots.dock import PlotsDock
from moonscope_gui.features.plots.history import Column
from moonscope_gui.features.plots.panel import Panel
from moonscope_gui.features.plots.plot_area import PlotArea
from moonscope_gui.widgets import theme

START = 1_790_000_000.0


def samples(count: int, first: int = 0) -> tuple[Sample, ...]:
    """Four a second; with each a VM, ten hits and a kibibyte more."""
    return tuple(
        Sample(
            time=START + number / 4,
            shared_bytes=number * 1024,
            private_bytes=number * 4096,
            unshared_bytes=number * 8192,
            vms=number,
            counters=Counters(hits=10 * number, misses=number),
        )
        for number in range(first, first + count)
    )


@pytest.fixture
def dock(qtbot: QtBot) -> PlotsDock:
    dock = PlotsDock()
    qtbot.addWidget(dock)
    dock.resize(700, 500)
    dock.show()
    qtbot.waitUntil(lambda: bool(dock.findChildren(PlotArea)))  # it follows the first picture
    return dock


def panel(dock: PlotsDock, title: str) -> Panel:
    return next(found for found in dock.findChildren(Panel) if found.chart.title == title)


def press(qtbot: QtBot, dock: PlotsDock, text: str) -> None:
    button = next(found for found in dock.findChildren(QToolButton) if found.text() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def words(dock: PlotsDock) -> list[str]:
    return [label.text() for label in dock.findChildren(QLabel) if label.isVisible() and label.text()]


def hover(dock: PlotsDock, title: str, moment: float) -> None:
    """Move the mouse to a time."""
    canvas = panel(dock, title).canvas
    x = canvas.view.mapViewToScene(QPointF(moment - canvas.origin, 0)).x()
    place = QPointF(x, canvas.height() / 2)
    nothing, none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    screen = QPointF(canvas.viewport().mapToGlobal(place.toPoint()))
    QApplication.sendEvent(canvas.viewport(), QMouseEvent(QEvent.Type.MouseMove, place, screen, nothing, nothing, none))


@pytest.mark.slow
def test_says_that_there_are_no_samples_yet(dock: PlotsDock) -> None:
    assert any("No samples yet" in text for text in words(dock))
    dock.add_samples(samples(2))
    assert not any("No samples yet" in text for text in words(dock))


@pytest.mark.slow
def test_follows_the_latest_sample(dock: PlotsDock) -> None:
    dock.add_samples(samples(4000))
    end = START + 3999 / 4
    for text, span in (("30 s", 30), ("2 min", 120), ("10 min", 600)):
        dock.set_span(span)
        assert dock.plots.shown_times == (end - span, end), text
    dock.set_span(None)
    assert dock.plots.shown_times == (START, end)


def test_the_buttons_choose_the_time_range(dock: PlotsDock, qtbot: QtBot) -> None:
    dock.add_samples(samples(400))
    press(qtbot, dock, "30 s")
    start, end = dock.plots.shown_times
    assert end - start == 30
    press(qtbot, dock, "All")
    assert dock.plots.shown_times == (START, START + 399 / 4)


@pytest.mark.slow
def test_all_plots_share_one_time_axis(dock: PlotsDock) -> None:
    dock.add_samples(samples(400))
    ranges = {tuple(found.canvas.view.viewRange()[0]) for found in dock.findChildren(Panel) if found.isVisible()}
    assert len(ranges) == 1


@pytest.mark.slow
def test_a_pause_holds_the_view_but_not_the_recording(dock: PlotsDock) -> None:
    dock.add_samples(samples(100))
    dock.set_paused(True)
    before = dock.plots.shown_times
    dock.add_samples(samples(100, first=100))
    assert dock.plots.shown_times == before
    assert len(dock.history) == 200
    assert any("Paused" in text for text in words(dock))
    dock.set_paused(False)
    assert dock.plots.shown_times[1] == START + 199 / 4
    assert not any("Paused" in text for text in words(dock))


def test_a_new_source_is_shown_even_when_paused(dock: PlotsDock) -> None:
    dock.add_samples(samples(100))
    dock.set_paused(True)
    dock.reset()
    dock.add_samples(samples(10, first=5000))
    assert dock.plots.shown_times[1] == START + 5009 / 4


@pytest.mark.slow
def test_a_paused_view_can_be_moved_for_all_plots_at_once(dock: PlotsDock) -> None:
    dock.add_samples(samples(2000))
    dock.set_span(30)
    dock.set_paused(True)
    canvas = panel(dock, "Memory").canvas
    canvas.panned.emit(START + 100, START + 130)
    assert dock.plots.shown_times == (START + 100, START + 130)
    low, high = panel(dock, "VMs").canvas.view.viewRange()[0]
    assert (low + canvas.origin, high + canvas.origin) == (START + 100, START + 130)


@pytest.mark.slow
def test_nothing_is_drawn_while_hidden_and_all_of_it_afterwards(dock: PlotsDock) -> None:
    dock.hide()
    dock.add_samples(samples(50))
    assert len(dock.history) == 50
    dock.show()
    assert panel(dock, "VMs").canvas.values_at(-1) == [49]


@pytest.mark.slow
def test_a_lost_source_looks_lost_and_leaves_a_gap(dock: PlotsDock) -> None:
    dock.add_samples(samples(20))
    dock.set_connected(False)
    assert any("Not connected" in text and "last sample" in text for text in words(dock))
    dock.set_connected(True)
    assert not any("Not connected" in text for text in words(dock))
    dock.add_samples(samples(20, first=60))
    values = dock.history.rows()[:, Column.VMS]
    assert [value for value in values[19:22].tolist() if value == value] == [19, 60]


def test_reset_forgets_the_old_source(dock: PlotsDock) -> None:
    dock.add_samples(samples(20))
    dock.add_marks((Mark(serial=1, time=START, kind="spawn", text="1 VM"),))
    dock.reset()
    assert len(dock.history) == 0
    assert dock.marks.between(0, START * 2) == []
    assert any("No samples yet" in text for text in words(dock))


@pytest.mark.slow
def test_rates_or_totals_of_loads(dock: PlotsDock, qtbot: QtBot) -> None:
    dock.add_samples(samples(20))
    assert panel(dock, "Loads per second").canvas.values_at(-1)[:2] == [40, 4]
    press(qtbot, dock, "Totals")
    assert panel(dock, "Loads per second").isHidden()
    assert panel(dock, "Loads in total").isVisible()
    assert panel(dock, "Loads in total").canvas.values_at(-1)[:2] == [190, 19]


def test_a_hidden_line_leaves_its_room_to_the_others(dock: PlotsDock) -> None:
    dock.add_samples(samples(2000))
    memory = panel(dock, "Memory")
    before = memory.canvas.view.viewRange()[1][1]
    legend = memory.findChild(QLabel)
    assert legend is not None
    for name in ("unshared", "private"):
        legend.linkActivated.emit(name)
    assert memory.canvas.view.viewRange()[1][1] < before / 4
    legend.linkActivated.emit("unshared")
    assert memory.canvas.view.viewRange()[1][1] == pytest.approx(before)


def test_hovering_reads_out_time_events_and_values(dock: PlotsDock) -> None:
    dock.add_samples(samples(400))
    dock.add_marks((Mark(serial=1, time=START + 80, kind="clear", text="3 files"),))
    dock.set_span(30)
    hover(dock, "VMs", START + 80)
    read_out = next(text for text in words(dock) if "open" in text and "<table" in text)
    assert ">320<" in read_out
    assert "clear: 3 files" in read_out
    dock.plots.hide_cursor()
    assert not any("<table" in text for text in words(dock))


@pytest.mark.slow
def test_events_are_drawn_where_they_happened_in_their_own_colour(dock: PlotsDock) -> None:
    dock.add_samples(samples(400))
    spawned, evicted = START + 40, START + 78
    dock.add_marks((Mark(serial=1, time=spawned, kind="spawn", text="9 VMs"),))
    dock.add_marks((Mark(serial=2, time=evicted, kind="evict", text="3 files"),))
    dock.set_span(None)
    canvas = panel(dock, "VMs").canvas
    image = canvas.grab().toImage()
    for moment, token in ((spawned, "mark"), (evicted, "danger")):
        x = round(canvas.view.mapViewToScene(QPointF(moment - canvas.origin, 0)).x())
        column = {image.pixelColor(x, y).name() for y in range(image.height())}
        assert theme.colour(token).name() in column
        others = {"mark", "danger"} - {token}
        assert not {theme.colour(other).name() for other in others} & column


@pytest.mark.slow
def test_the_read_out_lists_all_events_under_the_mouse(dock: PlotsDock) -> None:
    dock.add_samples(samples(400))
    dock.set_span(None)
    dock.add_marks(tuple(
        Mark(serial=number, time=START + 80 + number / 1000, kind="failure", text=f"VM {number}") for number in range(8)
    ))  # fmt: skip
    hover(dock, "VMs", START + 80)
    read_out = next(text for text in words(dock) if "<table" in text)
    assert all(f"failure: VM {number}" in read_out for number in range(8))


@pytest.mark.slow
def test_the_read_out_stays_inside(dock: PlotsDock) -> None:
    dock.add_samples(samples(400))
    dock.set_span(None)
    for moment in (START + 1, START + 98):
        hover(dock, "VMs", moment)
        label = next(found for found in dock.plots.findChildren(QLabel) if "<table" in found.text())
        assert dock.plots.rect().contains(label.geometry())


@pytest.mark.slow
@pytest.mark.parametrize("size", [(420, 500), (700, 300), (1600, 260), (260, 200)])
def test_any_shape_shows_all_plots(dock: PlotsDock, size: tuple[int, int]) -> None:
    dock.add_samples(samples(400))
    dock.resize(*size)
    shown = [found for found in dock.findChildren(Panel) if found.isVisible()]
    assert {found.chart.title for found in shown} == {"Memory", "Loads per second", "VMs"}
    assert all(found.canvas.height() >= 60 and found.canvas.width() >= 120 for found in shown)


@pytest.mark.slow
def test_follows_the_theme_live(dock: PlotsDock, qapp: QApplication) -> None:
    dock.add_samples(samples(40))
    canvas = panel(dock, "Memory").canvas
    for name in ("dark", "light"):
        theme.apply(qapp, name)
        assert canvas.backgroundBrush().color() == theme.colour("plot-background")


@pytest.mark.slow
def test_saves_a_picture(dock: PlotsDock, tmp_path: Path) -> None:
    dock.add_samples(samples(40))
    dock.save(tmp_path / "plots.png")
    assert QPixmap(str(tmp_path / "plots.png")).size() == dock.plots.size() * dock.plots.devicePixelRatio()
    dock.save(tmp_path / "plots.svg")
    assert ElementTree.parse(tmp_path / "plots.svg").getroot().tag.endswith("svg")


@pytest.mark.slow
def test_saves_what_is_shown_as_numbers(dock: PlotsDock, tmp_path: Path) -> None:
    dock.add_samples(samples(400))
    dock.set_connected(False)
    dock.set_span(30)
    dock.save(tmp_path / "plots.csv")
    with (tmp_path / "plots.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 121  # four a second, and the gap
    assert (lines[-2]["vms"], lines[-2]["hits"], lines[-2]["shared_bytes"]) == ("399", "3990", str(399 * 1024))
    assert lines[-1]["vms"] == ""


@pytest.mark.slow
def test_says_what_cannot_be_saved(dock: PlotsDock, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"as \.png, \.svg or \.csv"):
        dock.save(tmp_path / "plots.gif")
    for name in ("plots.png", "plots.svg", "plots.csv"):
        with pytest.raises(OSError):
            dock.save(tmp_path / "missing" / name)
