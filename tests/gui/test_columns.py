"""What stands in the tables of the window can be read: no column cuts its title or its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication

from moonscope.commands import Clear, RunChunk, Spawn
from moonscope.model import LuaVersion, VMOptions
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.widgets.cell_delegate import digits_font
from moonscope_gui.widgets.table_panel import TablePanel
from moonscope_gui.widgets.table_view import TableView

Person = Any  # of conftest.py

MARGIN = 7  # pixels that a cell leaves free around its text
FREE_TEXT = {"task", "reason"}  # as long as they like; a tool tip has all of it


def cut_columns(view: TableView) -> list[str]:
    table, header = view._table, view.horizontalHeader()
    found = []
    for place, column in enumerate(table.columns):
        if view.isColumnHidden(place) or column.key in FREE_TEXT:
            continue
        body = QFontMetrics(digits_font()) if column.numeric else view.fontMetrics()
        texts = [table.text_at(row, place) for row in range(table.rowCount())]
        needed = max([body.horizontalAdvance(text) + MARGIN for text in texts], default=0)
        title = header.fontMetrics().horizontalAdvance(column.title) + MARGIN
        if max(needed, title) > view.columnWidth(place):
            found.append(f"{column.key}: {max(texts, key=len, default='')!r}")
    return found


def titles(view: TableView) -> list[str]:
    columns = view._table.columns
    return [column.title for place, column in enumerate(columns) if not view.isColumnHidden(place)]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_files_and_vms_of_two_luas_can_be_told_apart(person: Person, folder: Path, size: tuple[int, int]) -> None:
    window = person.window
    window.resize(*size)
    for number in range(40):  # more than there is room for: a scroll bar takes room, too
        (folder / f"{number}.lua").write_text("return 1")
    person.opens(folder)
    person.spawns(40)
    window.workspace.balance()
    files, vms = window.feature(FilesFeature).dock, window.feature(VMsFeature).dock
    assert size[0] > 1280 or not {"Lua"} & {*titles(files.view), *titles(vms.view)}
    spawned = Spawn(options=VMOptions(lua=LuaVersion.LUAJIT21))
    window.feature(VMsFeature).spawn_now(spawned)
    person.waits_until(lambda: len(window.state.luas) == 2 and not window.tasks.running)
    person.opens(folder)
    for panel in window.findChildren(TablePanel):
        window.workspace.show_part(panel.name)
        QApplication.processEvents()
        assert ("Lua" in titles(panel.view)) or panel.name == "log", "loads are told apart by their VMs"
        assert cut_columns(panel.view) == [], panel.name
        assert not panel.view.horizontalScrollBar().isVisible(), panel.name


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_column_is_cut(person: Person, folder: Path, size: tuple[int, int]) -> None:
    window = person.window
    window.resize(*size)
    person.opens(folder)
    failing, *_ = person.spawns(3)
    window.tasks.start("fail", RunChunk(vms=(failing,), source="error 'a message that is longer than the column'"))
    window.tasks.start("clear", Clear(pattern="*two.lua"))
    (folder / "one.lua").write_text("return 'changed'\n")
    person.waits_until(lambda: any(file.stale for file in window.state.files.values()) and not window.tasks.running)
    window.workspace.balance()
    for panel in window.findChildren(TablePanel):
        window.workspace.show_part(panel.name)
        QApplication.processEvents()
        assert panel.view.model().rowCount() > 0
        assert cut_columns(panel.view) == [], panel.name
        assert not panel.view.horizontalScrollBar().isVisible(), panel.name
