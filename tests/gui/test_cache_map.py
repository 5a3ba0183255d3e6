"""The map of the cache: every generation a box with its functions inside; live, and a way into the inspector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from moonscope.commands import Clear, Close
from moonscope_gui.features.cache_map.dialog import CacheMapDialog
from moonscope_gui.features.inspector.feature import InspectorFeature

Person = Any  # of conftest.py


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "small.lua").write_text("return 1\n")
    functions = "\n".join(f"function M.f{n}(a, b) return a * {n} + b end" for n in range(9))
    (folder / "large.lua").write_text(f"local M = {{}}\n{functions}\nreturn M\n")
    return folder


@pytest.fixture
def map_of(person: Person, folder: Path) -> CacheMapDialog:
    """With both files, and what is in them known."""
    person.spawns(2)
    person.opens(folder)
    person.triggers("cache-map")
    dialog: CacheMapDialog = person.sees(CacheMapDialog)
    person.waits_until(lambda: functions_in(dialog) == 9 + 2)
    return dialog


def functions_in(dialog: CacheMapDialog) -> int:
    """Main functions included."""
    return dialog.map.sizes.shape(()).functions if dialog.map.sizes else 0


def names(dialog: CacheMapDialog) -> set[str]:
    sizes = dialog.map.sizes
    return {sizes.shape(path).name for path in sizes.children(())} if sizes else set()


def box_named(dialog: CacheMapDialog, name: str) -> tuple[int, ...]:
    sizes = dialog.map.sizes
    assert sizes is not None
    files = sizes.children(())
    return next(path for top in files for path in (top, *sizes.children(top)) if sizes.shape(path).name == name)


@pytest.mark.slow
def test_the_whole_is_what_the_table_says_in_sum(map_of: CacheMapDialog, person: Person) -> None:
    assert names(map_of) == {"small.lua", "large.lua"}
    assert map_of.map.sizes is not None
    assert map_of.map.sizes.total(()) == sum(row.shared_bytes for row in person.window.state.generations.values())
    assert "Code" in map_of.bar.accessibleDescription()


@pytest.mark.slow
def test_a_function_is_told_with_its_file(map_of: CacheMapDialog) -> None:
    map_of.map.hovered.emit(box_named(map_of, "M.f3"))
    assert map_of.read_out.text().startswith("large.lua: M.f3 · ")
    assert map_of.read_out.text().endswith("of the cache")


@pytest.mark.slow
def test_a_box_opens_in_the_inspector(map_of: CacheMapDialog, person: Person, qtbot: QtBot) -> None:
    map_of.map.select(box_named(map_of, "M.f3"))
    qtbot.keyClick(map_of.map, Qt.Key.Key_Return)
    prototypes = person.window.feature(InspectorFeature).dock
    person.waits_until(lambda: prototypes.current is not None and prototypes.current[1].name == "M.f3")
    assert prototypes.current is not None
    assert prototypes.current[0].key.endswith("large.lua")


@pytest.mark.slow
def test_follows_the_cache_and_keeps_what_is_selected(map_of: CacheMapDialog, person: Person, folder: Path) -> None:
    map_of.map.select(box_named(map_of, "M.f5"))
    held = person.window.state.files
    person.window.tasks.start("clear", Clear(pattern=str(folder / "small.lua")))
    person.waits_until(lambda: any(row.retired for row in held.values()))
    person.waits_until(lambda: any("small.lua" in name and "retired" in name for name in names(map_of)))
    (folder / "added.lua").write_text("return function(x) return x end\n")
    person.window.open_paths([str(folder / "added.lua")])
    person.waits_until(lambda: "added.lua" in names(map_of))
    assert map_of.map.selected == box_named(map_of, "M.f5")


@pytest.mark.slow
def test_says_so_when_nothing_is_cached_any_more(map_of: CacheMapDialog, person: Person) -> None:
    for command in (Close(), Clear()):
        person.window.tasks.start("change", command)
    person.waits_until(lambda: "Nothing is cached" in map_of.title.text())


@pytest.mark.slow
def test_another_map_can_be_opened_after_the_first(map_of: CacheMapDialog, person: Person) -> None:
    map_of.close()
    person.waits_until(lambda: not shiboken6.isValid(map_of))
    person.triggers("cache-map")
    again = person.sees(CacheMapDialog)
    person.waits_until(lambda: functions_in(again) == 9 + 2)


@pytest.mark.slow
def test_a_large_file_is_divided_too_after_the_small_ones(map_of: CacheMapDialog, person: Person, folder: Path) -> None:
    comment = "-- what people write about a function\n" * 40_000
    (folder / "huge.lua").write_text(f"{comment}local M = {{}}\nfunction M.deep() return 1 end\nreturn M\n")
    person.window.open_paths([str(folder / "huge.lua")])
    person.waits_until(lambda: functions_in(map_of) == 9 + 2 + 2)
    assert map_of.map.sizes is not None
    assert map_of.map.sizes.shape(box_named(map_of, "M.deep")).parts
    person.waits_until(lambda: "reading" not in map_of.title.text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PNG", "SVG"])
def test_the_map_is_saved_as_a_picture(map_of: CacheMapDialog, person: Person, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"map.{kind.lower()}"
    action = next(each for each in map_of.export.menu().actions() if kind in each.text())
    action.trigger()
    chooser = map_of.findChild(QFileDialog)
    assert isinstance(chooser, QFileDialog) and chooser.defaultSuffix() == kind.lower()
    chooser.fileSelected.emit(str(path))
    chooser.close()
    if kind == "SVG":
        text = path.read_text()
        assert "large.lua" in text and "M.f3" in text, "names are text, boxes are shapes"
        assert "<image" not in text
    else:
        assert QImage(str(path)).width() == map_of.map.width()


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_is_told(map_of: CacheMapDialog, person: Person, tmp_path: Path) -> None:
    map_of.export.menu().actions()[1].trigger()
    chooser = map_of.findChild(QFileDialog)
    assert isinstance(chooser, QFileDialog)
    chooser.fileSelected.emit(str(tmp_path / "nowhere" / "map.png"))
    chooser.close()
    box = next(each for each in map_of.findChildren(QMessageBox) if each.isVisible())
    assert "map.png" in box.text()
    box.close()
