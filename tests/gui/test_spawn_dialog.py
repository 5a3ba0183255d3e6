"""The dialog that spawns VMs."""

from __future__ import annotations

import pytest

from moonscope.model import CacheMode, Libraries, LuaVersion, Sharing
from moonscope_gui.features.vms.model import COLUMNS
from moonscope_gui.features.vms.spawn_dialog import SpawnDialog

from .conftest import Person


@pytest.mark.slow
def test_the_dialog_spawns_what_was_asked_for(person: Person) -> None:
    state = person.window.state
    person.triggers("spawn")
    dialog = person.sees(SpawnDialog)
    assert dialog.offer.text().startswith("The best here for Lua 5.4 is ")
    dialog.count.setValue(3)
    dialog.mode.setCurrentIndex(dialog.mode.findData(CacheMode.EXIST))
    dialog.memory_cap.setValue(8)
    dialog.boot.setPlainText("x = 1")
    dialog.accept()
    person.waits_until(lambda: len(state.vms) == 3)
    assert {(vm.mode, vm.memory_cap) for vm in state.vms.values()} == {(CacheMode.EXIST, 8 * 1024 * 1024)}


@pytest.mark.slow
def test_the_libraries_of_the_vms_are_chosen_and_told(person: Person) -> None:
    state = person.window.state
    person.triggers("spawn")
    dialog = person.sees(SpawnDialog)
    told = set()
    for choice in (None, *Libraries):
        dialog.libraries.setCurrentIndex(dialog.libraries.findData(choice))
        told.add(dialog.allowed.text())
        assert dialog.allowed.height() >= dialog.allowed.heightForWidth(dialog.allowed.width())
    assert len(told) == 4
    dialog.count.setValue(1)
    dialog.accept()
    person.waits_until(lambda: len(state.vms) == 1)
    [vm] = state.vms.values()
    assert vm.libraries is Libraries.PURE
    [column] = [column for column in COLUMNS if column.key == "lua"]
    assert column.cell_tip is not None
    assert "libraries: pure" in column.cell_tip(vm)
    person.triggers("spawn")
    again = person.sees(SpawnDialog)
    assert again.command().options.libraries == Libraries.PURE
    again.reject()


@pytest.mark.slow
def test_no_word_of_the_offer_is_cut_on_a_low_screen(person: Person) -> None:
    person.spawns(2)  # which makes it longer
    person.triggers("spawn")
    dialog = person.sees(SpawnDialog)
    assert dialog.offer.height() >= dialog.offer.heightForWidth(dialog.offer.width())
    dialog.lua.setCurrentIndex(dialog.lua.findData(LuaVersion.LUAJIT21))
    person.waits_until(lambda: dialog.offer.height() >= dialog.offer.heightForWidth(dialog.offer.width()))
    dialog.close()


@pytest.mark.slow
def test_a_boot_script_that_fails_is_told(person: Person) -> None:
    person.triggers("spawn")
    dialog = person.sees(SpawnDialog)
    dialog.boot.setPlainText("error 'no luck'")
    dialog.accept()
    person.waits_until(lambda: person.window.messages.current is not None)
    message = person.window.messages.current
    assert message is not None
    assert "boot script failed in 4 of 4 VMs" in message.text
    assert "no luck" in message.details


@pytest.mark.slow
def test_what_was_typed_outlives_the_refusal_of_the_engine(person: Person) -> None:
    person.triggers("spawn")
    refused = person.sees(SpawnDialog)
    refused.lua.setCurrentIndex(refused.lua.findData(LuaVersion.LUAJIT21))
    refused.jit.setChecked(True)
    refused.mode.setCurrentIndex(refused.mode.findData(CacheMode.OFF))
    refused.sharing.setCurrentIndex(refused.sharing.findData(Sharing.BYTECODE))
    refused.memory_cap.setValue(8)
    refused.instructions.setValue(2)
    refused.seconds.setValue(1.5)
    refused.boot.setPlainText("x = 1\nprint(x)")
    refused.roots.setText("src; what?")
    asked = refused.command()
    refused.accept()
    person.waits_until(lambda: person.window.messages.current is not None)
    message = person.window.messages.current
    assert message is not None
    assert "search root 'what?' cannot be used" in message.text
    person.triggers("spawn")
    again = person.sees(SpawnDialog)
    assert again.command() == asked
    again.reject()
