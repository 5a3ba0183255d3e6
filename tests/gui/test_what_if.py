"""What the cache buys: one workload in every mode, measured in the engine that runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.errors import CancelledError
from moonscope.model import CacheMode, Counters
from moonscope.protocol import Close, Spawn
from moonscope_gui import theme
from moonscope_gui.dialogs.what_if import WhatIfDialog, groups
from moonscope_gui.flows.steps import Steps, Walk
from moonscope_gui.flows.what_if import verdict
from moonscope_gui.models.what_if import Finding
from moonscope_gui.plots.bars import Bar, BarChart, Group

Person = Any  # of conftest.py


@pytest.fixture
def dialog(person: Person, folder: Path) -> WhatIfDialog:
    """The dialog over an engine with two cached files; a third one does not compile."""
    person.opens(folder)
    person.triggers("what-if")
    dialog: WhatIfDialog = person.sees(WhatIfDialog)
    assert dialog.lua.currentText() == "2 cached files of Lua 5.4"
    dialog.vms.setValue(3)
    return dialog


def test_every_mode_is_measured_and_the_vms_are_closed_again(person: Person, dialog: WhatIfDialog) -> None:
    before = set(person.window.state.vms)
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    found = {finding.mode: finding for finding in dialog.findings}
    counters = {mode: finding.counters for mode, finding in found.items()}
    assert counters == {
        CacheMode.ON: Counters(hits=6),
        CacheMode.EXIST: Counters(hits=6),
        CacheMode.OFF: Counters(bypasses=6),
    }
    on, off = found[CacheMode.ON], found[CacheMode.OFF]
    assert on.shared_bytes > 0 == off.shared_bytes
    assert off.private_bytes > 0
    assert on.load_us and off.load_us
    assert dialog.words.text().startswith("With the cache, 3 VMs hold 2 files in ")
    person.waits_until(lambda: set(person.window.state.vms) == before)


def test_a_cancelled_measurement_leaves_no_vm_behind(person: Person, dialog: WhatIfDialog) -> None:
    before = set(person.window.state.vms)
    dialog.vms.setValue(100)
    dialog.go.click()
    person.waits_until(lambda: len(person.window.state.vms) > len(before))
    dialog.go.click()
    person.waits_until(lambda: dialog.words.text() == "Cancelled.")
    person.waits_until(lambda: set(person.window.state.vms) == before)
    assert len(dialog.findings) < 3


@pytest.mark.parametrize("mode", CacheMode)
def test_closing_the_dialog_cancels_and_leaves_no_vm_behind(
    person: Person, dialog: WhatIfDialog, mode: CacheMode
) -> None:
    """Whatever it is about to do: its steps are many, and each takes a different time."""
    before = set(person.window.state.vms)
    dialog.vms.setValue(100)
    dialog.go.click()
    person.waits_until(lambda: any(row.mode is mode for id, row in person.window.state.vms.items() if id not in before))
    dialog.close()
    person.waits_until(lambda: set(person.window.state.vms) == before and not person.window.jobs.running)


def test_what_must_be_done_as_a_whole_is_not_cut_off(person: Person) -> None:
    """Cancelled while it closes its VMs, a walk closes them all, and takes no further step."""
    vms = tuple(person.spawns(20))
    ended: list[object] = []
    taken: list[str] = []

    def steps() -> Steps[None]:
        yield Close(vms=vms)
        taken.append("another step")
        yield Spawn(count=1)
        taken.append("and another")

    walk = Walk(person.window.jobs, "Close them", steps(), ended.append, ended.append)
    walk.cancel()
    person.waits_until(lambda: bool(ended))
    assert isinstance(ended[0], CancelledError)
    assert taken == ["another step"]
    person.waits_until(lambda: not set(vms) & set(person.window.state.vms))


def test_what_was_measured_is_exported(person: Person, dialog: WhatIfDialog, tmp_path: Path) -> None:
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    for suffix in ("csv", "json", "png"):
        dialog._save(tmp_path / f"out.{suffix}")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["mode"] for row in csv.DictReader(file)] == ["on", "exist", "off"]
    assert [row["hits"] for row in json.loads((tmp_path / "out.json").read_text())] == [6, 6, 0]
    assert QImage(str(tmp_path / "out.png")).size() == dialog.chart.size() * dialog.devicePixelRatio()
    dialog._save(tmp_path / "missing" / "out.csv")
    assert "was not written" in dialog.words.text()


def finding(mode: CacheMode, private: int, shared: int, us: float | None) -> Finding:
    return Finding(
        mode=mode, vms=10, files=4, private_bytes=private, shared_bytes=shared, load_us=us, counters=Counters()
    )


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ((100, 1000, 1.0), "in 7.81 KiB less memory, and load each in 1.0 µs instead of 50 µs."),
        ((1000, 500, 1.0), "in 500 B more memory, and load each in 1.0 µs instead of 50 µs."),
        ((100, 1000, None), "in 7.81 KiB less memory."),
    ],
)
def test_the_verdict_says_it_when_the_cache_costs_memory(on: tuple[int, int, float | None], words: str) -> None:
    sentence = verdict(finding(CacheMode.ON, *on), finding(CacheMode.OFF, 1000, 0, 50.0))
    assert sentence == f"With the cache, 10 VMs hold 4 files {words}"


def test_bars_are_as_long_as_their_values(qtbot: QtBot, qapp: QApplication) -> None:
    chart = BarChart()
    qtbot.addWidget(chart)
    chart.resize(400, 200)
    chart.show_groups([Group("", [Bar("a", 100.0, "hit"), Bar("a", 50.0, "miss"), Bar("a", None, "error")], str)])
    image = chart.grab().toImage()

    def length(token: str) -> int:
        wanted = theme.colour(token).rgb()
        return max(sum(image.pixel(x, y) == wanted for x in range(image.width())) for y in range(image.height()))

    assert length("miss") == pytest.approx(length("hit") / 2, abs=2)
    assert length("error") <= 1


def test_nothing_measured_is_nothing_drawn(qtbot: QtBot) -> None:
    chart = BarChart()
    qtbot.addWidget(chart)
    chart.show_groups(groups([]))
    assert not chart.grab().isNull()
