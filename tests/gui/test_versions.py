"""Old code, and who runs it: files that changed on disk, VMs that hold other versions than the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moonscope.commands import Clear, Load
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.generations.feature import GenerationsFeature
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.state.file_entry import FileEntry
from moonscope_gui.widgets.confirm import ConfirmDialog

Person = Any  # of conftest.py, which test modules cannot import


def entry(person: Person, name: str) -> FileEntry:
    model = person.window.feature(FilesFeature).dock.model
    found = [model.row_at(row) for row in range(model.rowCount()) if model.row_at(row).file.key.endswith(name)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def two_versions(person: Person, folder: Path) -> tuple[set[int], set[int]]:
    """`one.lua` in two versions. The VMs that hold the old one, and those that hold the new one."""
    (folder / "broken.lua").unlink()
    person.opens(folder)
    old = set(person.window.state.vms)
    path = str(folder / "one.lua")
    person.window.tasks.start("evict", Clear(keys=(path,)))
    (folder / "one.lua").write_text("return 'another one'\n")
    new = set(person.spawns(2))
    person.window.tasks.start("load", Load(paths=(path,), vms=tuple(new)))
    person.waits_until(lambda: entry(person, "one.lua").is_mixed)
    return old, new


@pytest.mark.slow
def test_the_vms_that_run_old_code_of_a_file_are_selected(
    person: Person, two_versions: tuple[set[int], set[int]]
) -> None:
    old, _ = two_versions
    person.selects("one.lua")
    person.window.feature(VMsFeature).dock.filter.setText("nothing is called this")  # a filter must not hide them
    person.triggers("old-code")
    person.waits_until(lambda: set(person.window.feature(VMsFeature).dock.selected()) == old)
    assert person.window.status.note.text().startswith("4 VMs run old code of one.lua: ")


@pytest.mark.slow
def test_nobody_runs_old_code_of_a_file_with_one_version(
    person: Person, two_versions: tuple[set[int], set[int]]
) -> None:
    person.selects("two.lua")
    assert not person.window.actions_["old-code"].isEnabled()


@pytest.mark.slow
def test_the_vms_that_hold_a_generation_are_selected(person: Person, two_versions: tuple[set[int], set[int]]) -> None:
    _, new = two_versions
    current = entry(person, "one.lua").generation
    assert current is not None
    person.window.feature(GenerationsFeature).dock.view.select_ids([current.id])
    person.window.feature(GenerationsFeature).dock.view.opened.emit(current.id)  # as a double click does
    person.waits_until(lambda: set(person.window.feature(VMsFeature).dock.selected()) == new)


@pytest.mark.slow
def test_a_changed_file_is_compiled_anew_in_the_vms_that_hold_it(person: Person, folder: Path) -> None:
    person.opens(folder)
    before = entry(person, "one.lua").generation
    assert before is not None
    (folder / "one.lua").write_text("return 'changed'\n")
    person.waits_until(lambda: entry(person, "one.lua").state == "changed")
    person.selects("one.lua", "two.lua")  # the other one did not change, and stays
    person.triggers("recompile")
    question = person.sees(ConfirmDialog)
    question.go.click()
    person.waits_until(lambda: entry(person, "one.lua").state == "current" and not person.window.tasks.running)
    after = entry(person, "one.lua")
    assert after.generation is not None
    assert after.generation.id != before.id
    assert after.generation.holders == 4
    assert [old.id for old in after.retired] == [before.id]  # which the VMs go on running
    assert entry(person, "two.lua").file.counters.misses == 1


@pytest.mark.slow
def test_a_changed_file_that_does_not_compile_stays_as_it_is(person: Person, folder: Path) -> None:
    person.opens(folder)
    before = entry(person, "one.lua").generation
    (folder / "one.lua").write_text("return return\n")
    person.waits_until(lambda: entry(person, "one.lua").state == "changed")
    person.selects("one.lua")
    person.window.messages.withdraw("")
    person.triggers("recompile")
    person.sees(ConfirmDialog).go.click()
    person.waits_until(lambda: person.window.messages.current is not None)
    assert "one.lua:1: unexpected symbol" in person.window.messages.current.details
    now = entry(person, "one.lua").generation
    assert now is not None and before is not None
    assert (now.id, now.holders) == (before.id, 4)
