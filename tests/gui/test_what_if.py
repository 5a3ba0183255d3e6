"""What the cache buys: one workload in every mode, measured in the engine that runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.commands import Close
from moonscope.model import CacheMode, Counters, Tier
from moonscope_gui.features.what_if.dialog import WhatIfDialog, groups
from moonscope_gui.features.what_if.feature import verdict
from moonscope_gui.features.what_if.model import Finding, Spread
from moonscope_gui.widgets import theme
from moonscope_gui.widgets.bars import Bar, BarChart, Group

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


@pytest.mark.slow
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
    for finding in (on, off):
        assert finding.load_us is not None
        assert finding.load_us.low <= finding.load_us.median <= finding.load_us.high
        assert finding.load_us.count == 6
        assert (finding.failed, finding.failures) == (0, ())
    assert not dialog.failed.isVisible()
    assert dialog.words.text().startswith("With the cache, 3 VMs hold 2 files in ")
    person.waits_until(lambda: set(person.window.state.vms) == before)


@pytest.mark.slow
def test_a_cancelled_measurement_leaves_no_vm_behind(person: Person, dialog: WhatIfDialog) -> None:
    before = set(person.window.state.vms)
    dialog.vms.setValue(100)
    dialog.go.click()
    person.waits_until(lambda: len(person.window.state.vms) > len(before))
    dialog.go.click()
    person.waits_until(lambda: dialog.words.text() == "Cancelled.")
    person.waits_until(lambda: set(person.window.state.vms) == before)
    assert len(dialog.findings) < 3


@pytest.mark.slow
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
    person.waits_until(lambda: set(person.window.state.vms) == before and not person.window.tasks.running)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_file_that_was_deleted_is_named_and_the_others_are_measured(
    person: Person, dialog: WhatIfDialog, folder: Path
) -> None:
    before = set(person.window.state.vms)
    (folder / "two.lua").unlink()
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    assert [(found.mode, found.failed) for found in dialog.findings] == [(mode, 3) for mode in CacheMode]
    told = dialog.failed.toPlainText().splitlines()
    assert told[0] == "on, exist, off: 3 of 6 loads failed:"
    assert told[1].startswith(f"    {folder / 'two.lua'}: ")
    assert dialog.failed.isVisible()
    assert all(found.load_us is not None and found.load_us.count == 3 for found in dialog.findings)
    person.waits_until(lambda: set(person.window.state.vms) == before)


@pytest.mark.slow
def test_loads_that_fail_without_the_cache_are_told(person: Person, dialog: WhatIfDialog, folder: Path) -> None:
    """The cache holds a version that compiles; the file on disk does not any more."""
    (folder / "two.lua").write_text("local x = = 1\n")
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    failed = {found.mode: found.failed for found in dialog.findings}
    assert failed == {CacheMode.ON: 0, CacheMode.EXIST: 0, CacheMode.OFF: 3}
    assert dialog.failed.toPlainText().splitlines()[0] == "off: 3 of 6 loads failed:"
    assert f"{folder / 'two.lua'}: line 1: unexpected symbol" in dialog.failed.toPlainText()


@pytest.mark.slow
def test_without_the_cache_a_vm_holds_what_plain_lua_holds(person: Person, dialog: WhatIfDialog) -> None:
    """On Moonscope's own runtime VMs find the strings of the cache even in mode off, so what they grow by is not it."""
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    off = next(found for found in dialog.findings if found.mode is CacheMode.OFF)
    rows = list(person.window.state.generations.values())
    if all(row.tier is Tier.DIRECT for row in rows):
        assert off.private_bytes == sum(row.unshared_bytes for row in rows)
    else:
        assert off.private_bytes >= sum(row.unshared_bytes for row in rows)


@pytest.mark.slow
def test_it_ends_while_the_view_is_paused(person: Person, dialog: WhatIfDialog) -> None:
    """Counts and times come with updates, which are held back; nobody waits for them for ever."""
    before = set(person.window.state.vms)
    person.window.link.set_paused(True)
    dialog.go.click()
    person.waits_until(dialog.export.isEnabled)
    assert [found.load_us for found in dialog.findings] == [None, None, None]
    person.window.link.set_paused(False)
    person.waits_until(lambda: set(person.window.state.vms) == before)


@pytest.mark.slow
def test_vms_that_are_torn_down_meanwhile_end_the_measurement(person: Person, dialog: WhatIfDialog) -> None:
    before = set(person.window.state.vms)
    dialog.vms.setValue(100)
    dialog.go.click()
    person.waits_until(lambda: len(person.window.state.vms) > len(before))
    person.window.tasks.start("close", Close(vms=tuple(set(person.window.state.vms) - before)))
    person.waits_until(lambda: dialog.go.text() == "Run")
    person.waits_until(lambda: set(person.window.state.vms) == before)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_spread_is_the_median_and_the_quarters(values: list[float]) -> None:
    spread = Spread.of(values)
    assert spread is not None
    assert spread.low <= spread.median <= spread.high
    assert spread.median == pytest.approx(median(values))
    assert spread.count == len(values)


def test_one_slow_load_does_not_change_what_is_typical() -> None:
    spread = Spread.of([10.0] * 20 + [50_000.0])
    assert spread is not None and (spread.low, spread.median, spread.high) == (10, 10, 10)


def test_differences_within_the_noise_are_called_so() -> None:
    on, off = finding(CacheMode.ON, 100, 1000, 40.0, 20.0), finding(CacheMode.OFF, 1000, 0, 50.0, 20.0)
    assert verdict(on, off).endswith(": within the noise.")


def finding(mode: CacheMode, private: int, shared: int, us: float | None, around: float = 0.5) -> Finding:
    spread = None if us is None else Spread(us - around, us, us + around, 40)
    return Finding(
        mode=mode, vms=10, files=4, private_bytes=private, shared_bytes=shared, load_us=spread, counters=Counters()
    )


TIMES = "1.0 µs (half of them 0.5 µs – 1.5 µs) instead of 50 µs (half of them 50 µs – 50 µs)"


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ((100, 1000, 1.0), f"in 7.81 KiB less memory, and load each in {TIMES}."),
        ((1000, 500, 1.0), f"in 500 B more memory, and load each in {TIMES}."),
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
