"""Opening files and folders of which some cannot be loaded: what is told, and what is counted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from moonscope.model import FileFailure, LoadReport, names
from moonscope_gui.features.files.feature import FilesFeature, failures_message
from moonscope_gui.features.vms.feature import VMsFeature

from .conftest import Person


def test_paths_that_are_not_there_are_not_counted_among_those_that_loaded(person: Person, folder: Path) -> None:
    (folder / "dangling.lua").symlink_to(folder / "nowhere")
    person.window.open_paths([str(folder), str(folder / "gone.lua")])
    person.waits_until(lambda: person.window.messages.current is not None)
    message = person.window.messages.current
    assert message is not None
    assert message.text == "3 files could not be loaded in 4 VMs; 2 others loaded."
    assert message.details.count("No such file or directory") == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_files_of_any_name_are_opened(person: Person, tmp_path: Path) -> None:
    """Also one that reads like an escape, and one that is not UTF-8, as the command line and a chooser give them."""
    paths = [
        os.fsdecode(os.fsencode(tmp_path) + name) for name in (b"/\\x41.lua", b"/\xff.lua", b"/n\n\xe4\xb8\xad.lua")
    ]
    for path in paths:
        Path(path).write_text("return 1")
    window = person.window
    window.open_paths(paths)
    person.waits_until(lambda: len(window.state.files) == 3 and not window.tasks.running)
    assert {os.fsdecode(names.to_bytes(key)) for _, key in window.state.files} == set(paths)
    assert window.context.settings.recent == [paths[0], paths[2]]
    window.feature(VMsFeature).run_file(paths[1], ())
    person.waits_until(lambda: not window.tasks.running)
    assert window.messages.current is None


def test_failures_that_a_report_has_no_room_for_are_counted() -> None:
    failures = tuple(FileFailure("a.lua", vm, "a.lua:1: oh") for vm in range(1, 1001))
    report = LoadReport(files=2, vms=5_000, loaded=5_000, failures=failures, failed=5_000)
    message = failures_message(report, "in 5,000 VMs")
    assert message.text == "1 file could not be loaded in 5,000 VMs; 1 other loaded."
    assert message.details.splitlines()[-1] == "and 4,000 more loads that failed"


def test_files_stand_in_the_order_of_their_names(person: Person, folder: Path) -> None:
    """Whichever VM loaded which of them first."""
    person.opens(folder)
    (folder / "another.lua").write_text("return 1")
    person.opens(folder)
    model = person.window.feature(FilesFeature).dock.model
    names = [model.text_at(row, 0) for row in range(model.rowCount())]
    assert names == ["another.lua", "broken.lua", "one.lua", "two.lua"]
