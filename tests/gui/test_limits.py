"""Limits of the cache: shown, changed, and what gives way to them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonscope.commands import SetLimits
from moonscope_gui.features.clear.limits_dialog import LimitsDialog
from moonscope_gui.widgets import formats

from .conftest import Person


@pytest.mark.slow
def test_a_limit_is_set_shown_and_lifted(person: Person, folder: Path) -> None:
    status = person.window.status._files
    person.opens(folder)
    person.triggers("limits")
    dialog = person.sees(LimitsDialog)
    assert dialog.command() == SetLimits()
    dialog.files.setValue(1)
    dialog.accept()
    person.waits_until(lambda: status.text().endswith(", 1 evicted"))
    assert "The cache of each Lua stores at most 1 file; 1 file gave way to others" in status.toolTip()
    assert sum(row.generation is not None for row in person.window.state.files.values()) == 1
    person.triggers("limits")
    dialog = person.sees(LimitsDialog)
    assert dialog.files.value() == 1
    dialog.files.setValue(0)
    dialog.accept()
    person.waits_until(lambda: "evicted" not in status.text())


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 5000, 2**40])
def test_a_size_that_is_not_touched_stays_as_it_is(person: Person, size: int) -> None:
    dialog = LimitsDialog(size, 3, lambda command: None, person.window)
    assert dialog.command() == SetLimits(cache_bytes=size, cache_files=3)
    dialog.kibibytes.setValue(7)
    assert dialog.command().cache_bytes == 7 * 1024
    dialog.close()


@pytest.mark.parametrize(
    ("size", "files", "words"),
    [(0, 0, ""), (1024, 0, "at most 1.00 KiB"), (0, 2, "at most 2 files"), (1024, 1, "at most 1.00 KiB and 1 file")],
)
def test_limits_in_words(size: int, files: int, words: str) -> None:
    assert formats.limits(size, files) == words
