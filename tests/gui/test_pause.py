"""Pausing holds the view, not the engine, and not a new engine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from moonscope.commands import Spawn
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.vms.feature import VMsFeature

from .conftest import Person


@pytest.mark.slow
def test_pausing_holds_the_view_and_not_the_engine(person: Person) -> None:
    window = person.window
    person.triggers("pause")
    window.feature(VMsFeature).spawn_now(Spawn(count=2))
    person.waits_until(lambda: not window.tasks.running)
    assert window.feature(VMsFeature).dock.model.rowCount() == 0
    person.triggers("pause")
    person.waits_until(lambda: window.feature(VMsFeature).dock.model.rowCount() == 2)


@pytest.mark.slow
def test_the_view_goes_on_with_a_new_engine(person: Person, folder: Path) -> None:
    """VMs and files of the dead one would look alive, and what is opened would be meant for them."""
    window = person.window
    person.opens(folder)
    person.triggers("pause")
    settings = window.state.settings
    assert settings is not None
    os.kill(settings.pid, signal.SIGKILL)
    person.waits_until(lambda: not window.link.is_connected)
    person.triggers("restart")
    person.waits_until(lambda: window.link.is_connected and not window.state.vms)
    assert not window.actions_["pause"].isChecked()
    assert window.feature(FilesFeature).dock.model.rowCount() == 0
    person.opens(folder)
    assert len(window.state.vms) == 4
