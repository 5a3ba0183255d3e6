"""Ending what VMs run, step by step, with VMs that are inside a C function which nothing can end."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from moonscope.commands import RunChunk
from moonscope.model import VMState
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.features.vms.model import COLUMNS
from moonscope_gui.widgets.confirm import ConfirmDialog

from ..conftest import Obstacle
from .conftest import Person


@pytest.fixture
def stuck(person: Person, obstacle: Obstacle) -> tuple[int, int]:
    """A VM that is in a C function, and one that is idle."""
    vm, other = person.spawns(2)
    person.window.tasks.start("run", RunChunk(vms=(vm,), source=obstacle.source), failed=lambda error: None)
    person.waits_until(obstacle.reached)
    person.waits_until(lambda: person.window.state.vms[vm].state is VMState.RUNNING)
    return vm, other


def offer(person: Person) -> QPushButton:
    """The button of the message that is shown."""
    found = person.window.messages.findChild(QPushButton, "message-offer")
    assert isinstance(found, QPushButton)
    return found


def doing(person: Person, vm: int) -> str:
    """What the column of that name shows."""
    model = person.window.feature(VMsFeature).dock.model
    column = next(number for number, each in enumerate(COLUMNS) if each.key == "task")
    return model.text_at(model.positions([vm])[0], column)


@pytest.mark.slow
def test_what_goes_on_is_named_then_abandoned_then_ended_with_the_engine(
    person: Person, stuck: tuple[int, int]
) -> None:
    window, (vm, other) = person.window, stuck
    window.feature(VMsFeature).dock.view.select_ids([vm])
    person.triggers("interrupt")
    person.waits_until(lambda: window.messages.isVisible() and "…" in offer(person).text())
    assert offer(person).text() == f"Abandon VM {vm}…"
    person.waits_until(lambda: doing(person, vm) == "run: inside os.execute, cannot be ended")

    person.triggers("interrupt")  # as the button does
    question = person.sees(ConfirmDialog)
    assert question.go.text() == f"Abandon VM {vm}"
    question.reject()
    assert vm in window.state.vms
    offer(person).click()
    person.sees(ConfirmDialog).go.click()
    person.waits_until(lambda: set(window.state.vms) == {other})
    person.waits_until(lambda: offer(person).text() == "Restart Engine…")
    person.waits_until(lambda: window.status._vms.text() == "1 VM, 1 abandoned")

    window.feature(VMsFeature).dock.view.clearSelection()
    person.triggers("interrupt")
    question = person.sees(ConfirmDialog)
    assert question.go.text() == "Restart"
    question.go.click()
    person.waits_until(lambda: not window.state.vms and window.link.is_connected and window.state.settings is not None)
    assert window.status._vms.text() == "0 VMs"


@pytest.mark.slow
def test_a_vm_that_cannot_be_ended_is_torn_down_after_a_question(person: Person, stuck: tuple[int, int]) -> None:
    window, (vm, other) = person.window, stuck
    window.feature(VMsFeature).dock.view.select_ids([vm])
    person.triggers("close-selected")
    person.waits_until(lambda: window.messages.isVisible())
    person.waits_until(lambda: doing(person, vm) == "run: inside os.execute, cannot be ended")
    person.triggers("close-selected")
    question = person.sees(ConfirmDialog)
    assert f"VM {vm} will be abandoned" in question.findChildren(QLabel)[0].text()
    question.reject()
    assert vm in window.state.vms
    person.triggers("close-selected")
    person.sees(ConfirmDialog).go.click()
    person.waits_until(lambda: set(window.state.vms) == {other})
    person.waits_until(lambda: window.status._vms.text() == "1 VM, 1 abandoned")
    assert window.state.sample is not None and window.state.sample.vms == 1  # as the plot shows


@pytest.mark.slow
def test_a_vm_that_returned_meanwhile_is_interrupted_without_a_question(
    person: Person, stuck: tuple[int, int], obstacle: Obstacle
) -> None:
    window, (vm, _) = person.window, stuck
    window.feature(VMsFeature).dock.view.select_ids([vm])
    person.triggers("interrupt")
    person.waits_until(lambda: window.messages.isVisible())
    obstacle.remove()
    person.waits_until(lambda: window.state.vms[vm].state is not VMState.RUNNING)
    person.triggers("interrupt")
    person.waits_until(lambda: not window.tasks.running)
    assert not [each for each in window.findChildren(ConfirmDialog) if each.isVisible()]
    assert vm in window.state.vms
