"""What files do with globals is found out in the background, shown in the table, and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from moonscope.analysis.values import FileVerdict, Verdict
from moonscope.commands import Clear, Load
from moonscope.model import LuaVersion
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.inspector.feature import InspectorFeature
from moonscope_gui.features.verdicts import feature as verdicts
from moonscope_gui.features.verdicts.dialog import VerdictDialog
from moonscope_gui.state.verdicts import describe

Person = Any  # of conftest.py


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """One file of each kind."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "clean.lua").write_text("return function(x) return math.floor(x) end\n")
    (folder / "reads.lua").write_text("return function() return CONFIG.port end\n")
    (folder / "writes.lua").write_text("local n = 1\ncounter = n\n")
    return folder


def words(person: Person) -> dict[str, str]:
    model = person.window.feature(FilesFeature).dock.model
    column = [column.key for column in model.columns].index("globals")
    return {model.text_at(row, 0): model.text_at(row, column) for row in range(model.rowCount())}


@pytest.mark.slow
def test_every_file_gets_its_verdict_without_being_asked_for(person: Person, mixed_folder: Path) -> None:
    QAbstractItemModelTester(
        person.window.feature(FilesFeature).dock.model, QAbstractItemModelTester.FailureReportingMode.Fatal
    )
    person.opens(mixed_folder)
    expected = {"clean.lua": "clean", "reads.lua": "reads", "writes.lua": "writes"}
    person.waits_until(lambda: words(person) == expected)


@pytest.mark.slow
def test_a_new_version_gets_a_verdict_of_its_own(person: Person, mixed_folder: Path) -> None:
    person.opens(mixed_folder)
    person.waits_until(lambda: words(person)["clean.lua"] == "clean")
    path = mixed_folder / "clean.lua"
    path.write_text("leak = 1\n")
    person.window.tasks.start("evict", Clear(keys=(str(path),)))
    person.waits_until(lambda: words(person)["clean.lua"] == "")  # requests sent together may run in any order
    person.window.tasks.start("load", Load(paths=(str(path),)))
    person.waits_until(lambda: words(person)["clean.lua"] == "writes")
    person.window.tasks.start("clear", Clear())
    person.waits_until(lambda: set(words(person).values()) == {""})


@pytest.mark.slow
def test_only_files_of_one_kind_are_shown(person: Person, mixed_folder: Path) -> None:
    person.opens(mixed_folder)
    person.waits_until(lambda: all(words(person).values()))
    person.window.feature(FilesFeature).dock.kinds.choose("Writes globals")
    assert list(words(person)) == ["writes.lua"]
    person.window.feature(FilesFeature).dock.reveal(
        list(person.window.state.files)
    )  # what is hidden and wanted is shown again
    assert len(words(person)) == 3
    assert person.window.feature(FilesFeature).dock.kinds.text() == "All files ▾"


@pytest.mark.slow
def test_the_reasons_are_listed_with_their_lines(person: Person, mixed_folder: Path) -> None:
    person.opens(mixed_folder)
    person.waits_until(lambda: all(words(person).values()))
    person.selects("writes.lua")
    person.triggers("globals")
    dialog = person.sees(VerdictDialog)
    assert dialog.headline.text() == "writes.lua writes globals"
    assert [(row["line"], row["what"]) for row in dialog.model.records()] == [(2, "writes counter")]
    dialog.view.select_ids([0])
    dialog.view.selection.settle()
    assert dialog.reason.text().startswith("Line 2, main function: Writes the global counter of the VM that runs it.")
    dialog.close()


@pytest.mark.slow
def test_a_reason_leads_to_its_line_in_the_inspector(person: Person, mixed_folder: Path, qtbot: QtBot) -> None:
    person.opens(mixed_folder)
    person.waits_until(lambda: all(words(person).values()))
    person.selects("reads.lua")
    person.triggers("globals")
    dialog = person.sees(VerdictDialog)
    dialog.view.setCurrentIndex(dialog.model.index(0, 0))
    qtbot.keyClick(dialog.view, Qt.Key.Key_Return)
    detail = person.window.feature(InspectorFeature).dock.browser.detail
    person.waits_until(lambda: detail.place.path == (0,) and detail.place.pc > 0)
    assert "CONFIG" in detail.model.code[detail.place.pc - 1].comment


@pytest.mark.slow
def test_a_large_file_is_analysed_only_when_asked_for(
    person: Person, mixed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "LARGE", 30)
    person.opens(mixed_folder)
    person.waits_until(lambda: bool(words(person)["writes.lua"]))  # 24 bytes
    assert words(person)["reads.lua"] == ""
    person.selects("reads.lua")
    person.triggers("globals")
    person.waits_until(lambda: any(child.isVisible() for child in person.window.findChildren(VerdictDialog)))
    person.sees(VerdictDialog).close()
    person.waits_until(lambda: words(person)["reads.lua"] == "reads")


def test_a_tool_tip_names_a_few_of_the_globals() -> None:
    reads = tuple(f"g{number}" for number in range(20))
    verdict = FileVerdict(
        lua=LuaVersion.LUA54, key="a.lua", verdict=Verdict.READS_STATE, text="It does.", reads=reads, notice="Cut."
    )
    assert describe(verdict).splitlines() == [
        "Reads state of its VM.", "It does.", "Reads: g0, g1, g2, g3, g4, g5, g6, g7 and 12 more", "Cut."
    ]  # fmt: skip
