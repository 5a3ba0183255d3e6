"""Updates that are merged say the same as the updates one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.model import CacheMode, FileRow, LoadEvent, LuaVersion, Outcome, Tier, Update, VMRow, VMState
from moonscope_gui.features.files.model import FilesModel
from moonscope_gui.features.vms.model import VMsModel
from moonscope_gui.link.coalesce import STREAM_LIMIT, merge
from moonscope_gui.state.engine_state import EngineState

LUA = LuaVersion.LUA54
vm_ids = st.integers(1, 5)
keys = st.sampled_from(["a.lua", "b.lua", "c.lua"])


def vm_row(id: int, memory: int) -> VMRow:
    return VMRow(id=id, lua=LUA, state=VMState.IDLE, mode=CacheMode.ON, tier=Tier.BYTECODE, memory=memory)


def load(serial: int) -> LoadEvent:
    return LoadEvent(serial=serial, time=1.0, lua=LUA, vm=1, key="a.lua", outcome=Outcome.HIT, duration_us=1.0, bytes=1)


updates = st.builds(
    lambda reset, vms, vms_gone, files, files_gone: Update(
        revision=1,
        since=0 if reset else 1,
        reset=reset,
        vms=tuple({row.id: row for row in vms}.values()),
        vms_gone=tuple(vms_gone),
        files=tuple({row.key: row for row in files}.values()),
        files_gone=tuple((LUA, key) for key in files_gone),
    ),
    st.booleans(),
    st.lists(st.builds(vm_row, vm_ids, st.integers(0, 9))),
    st.sets(vm_ids),
    st.lists(st.builds(lambda key, retired: FileRow(lua=LUA, key=key, retired=retired), keys, st.integers(0, 3))),
    st.sets(keys),
)


def merged(sequence: list[Update]) -> Update:
    whole = sequence[0]
    for update in sequence[1:]:
        whole = merge(whole, update)
    return whole


@pytest.mark.slow
@given(st.lists(updates, min_size=1, max_size=6))
def test_the_state_is_the_same_as_from_each_update(sequence: list[Update]) -> None:
    one_by_one, at_once = EngineState(), EngineState()
    for update in sequence:
        one_by_one.apply(update)
    at_once.apply(merged(sequence))
    assert at_once.vms == one_by_one.vms
    assert at_once.files == one_by_one.files


@pytest.mark.slow
@given(st.lists(updates, min_size=1, max_size=6))
def test_the_models_show_the_state_whatever_the_updates_were(qapp: object, sequence: list[Update]) -> None:
    state = EngineState()
    files, vms = FilesModel(state), VMsModel(state)
    for update in sequence:
        state.apply(update)
        files.take(update)
        vms.take(update)
    assert {vms.row_at(p) for p in range(vms.rowCount())} == set(state.vms.values())
    assert {files.row_at(p).file for p in range(files.rowCount())} == set(state.files.values())


def test_streams_are_joined_and_the_newest_kept() -> None:
    first = Update(revision=1, since=1, loads=tuple(load(n) for n in range(10)))
    second = Update(revision=2, since=1, loads=tuple(load(n) for n in range(10, STREAM_LIMIT + 5)))
    serials = [event.serial for event in merge(first, second).loads]
    assert serials == list(range(5, STREAM_LIMIT + 5))
