"""Opening files and folders of which some cannot be loaded: what is told, and what is counted."""

from __future__ import annotations

from pathlib import Path

from moonscope.model import FileFailure, LoadReport
from moonscope_gui.flows.files import failures_message

from .conftest import Person


def test_paths_that_are_not_there_are_not_counted_among_those_that_loaded(person: Person, folder: Path) -> None:
    (folder / "dangling.lua").symlink_to(folder / "nowhere")
    person.window.open_paths([str(folder), str(folder / "gone.lua")])
    person.waits_until(lambda: person.window.messages.current is not None)
    message = person.window.messages.current
    assert message is not None
    assert message.text == "3 files could not be loaded in 4 VMs; 2 others loaded."
    assert message.details.count("No such file or directory") == 2


def test_failures_that_a_report_has_no_room_for_are_counted() -> None:
    failures = tuple(FileFailure("a.lua", vm, "a.lua:1: oh") for vm in range(1, 1001))
    report = LoadReport(files=2, vms=5_000, loaded=5_000, failures=failures, failed=5_000)
    message = failures_message(report, "in 5,000 VMs")
    assert message.text == "1 file could not be loaded in 5,000 VMs; 1 other loaded."
    assert message.details.splitlines()[-1] == "and 4,000 more loads that failed"
