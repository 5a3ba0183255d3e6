"""However a reader partitions time, it ends up with what a whole snapshot says."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.model import (
    CacheMode,
    FileRow,
    LuaVersion,
    Mark,
    Settings,
    Tier,
    Update,
    VMRow,
    VMState,
)
from moonscope.telemetry.change_log import ChangeLog, StreamLog


class Reader:
    """Does what every receiver of updates does."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.revision = 0
        self.files: dict[Any, FileRow] = {}
        self.vms: dict[int, VMRow] = {}
        self.marks: list[Mark] = []
        self.settings: Settings | None = None

    def apply(self, update: Update) -> None:
        if update.reset:
            self.forget()
        assert update.since == self.revision
        self.revision = update.revision
        self.files.update(((row.lua, row.key), row) for row in update.files)
        self.vms.update((row.id, row) for row in update.vms)
        for key in update.files_gone:
            self.files.pop(key, None)
        for id in update.vms_gone:
            self.vms.pop(id, None)
        self.marks.extend(update.marks)
        self.settings = update.settings or self.settings


def vm(id: int, memory: int = 0) -> VMRow:
    return VMRow(
        id=id, lua=LuaVersion.LUA54, state=VMState.IDLE, mode=CacheMode.ON, tier=Tier.BYTECODE, memory=memory
    )


def file(key: str, retired: int = 0) -> FileRow:
    return FileRow(lua=LuaVersion.LUA54, key=key, retired=retired)


@st.composite
def deltas(draw: st.DrawFn) -> Update:
    """A change of some rows and the end of others, never both of one row (the engine never does)."""
    ids = draw(st.lists(st.integers(1, 6), unique=True))
    cut = draw(st.integers(0, len(ids)))
    keys = draw(st.lists(st.sampled_from("abcd"), unique=True))
    key_cut = draw(st.integers(0, len(keys)))
    number = st.integers(0, 3)
    return Update(
        revision=0,
        vms=tuple(vm(id, draw(number)) for id in ids[:cut]),
        vms_gone=tuple(ids[cut:]),
        files=tuple(file(key, draw(number)) for key in keys[:key_cut]),
        files_gone=tuple((LuaVersion.LUA54, key) for key in keys[key_cut:]),
        marks=tuple(Mark(serial=0, time=0.0, kind="clear", text=str(draw(number))) for _ in range(draw(number))),
        settings=draw(st.none() | st.builds(Settings, workers=number)),
    )


@pytest.mark.slow
@given(st.lists(st.tuples(deltas(), st.booleans())), st.sampled_from([0, 1, 2, 1000]))
def test_updates_in_any_partition_give_the_snapshot(steps: list[tuple[Update, bool]], max_gone: int) -> None:
    change_log = ChangeLog(Settings(), max_gone=max_gone)
    reader = Reader()
    for delta, reads in steps:
        change_log.record(delta)
        if reads:
            reader.apply(change_log.changes(reader.revision))
    reader.apply(change_log.changes(reader.revision))
    whole = Reader()
    whole.apply(change_log.changes(0))
    assert reader.files == whole.files
    assert reader.vms == whole.vms
    assert reader.marks == whole.marks
    assert reader.settings == whole.settings


def test_only_what_is_newer_is_told() -> None:
    change_log = ChangeLog(Settings())
    change_log.record(Update(revision=0, vms=(vm(1), vm(2))))
    before = change_log.changes(0).revision
    change_log.record(Update(revision=0, vms=(vm(2, memory=5),), vms_gone=(1,)))
    update = change_log.changes(before)
    assert (update.since, update.vms, update.vms_gone, update.settings) == (before, (vm(2, memory=5),), (1,), None)
    assert not update.reset


def test_a_snapshot_names_nothing_that_is_gone() -> None:
    change_log = ChangeLog(Settings())
    change_log.record(Update(revision=0, vms=(vm(1),)))
    change_log.record(Update(revision=0, vms_gone=(1,)))
    assert change_log.changes(0).vms_gone == ()


def test_a_reader_too_far_behind_starts_anew() -> None:
    change_log = ChangeLog(Settings(), max_gone=1)
    change_log.record(Update(revision=0, vms=(vm(1), vm(2), vm(3))))
    behind = change_log.changes(0).revision
    change_log.record(Update(revision=0, vms_gone=(1,)))
    change_log.record(Update(revision=0, vms_gone=(2,)))
    update = change_log.changes(behind)
    assert (update.reset, update.since, update.vms) == (True, 0, (vm(3),))


def test_rows_that_came_back_are_not_gone() -> None:
    change_log = ChangeLog(Settings())
    change_log.record(Update(revision=0, vms=(vm(1), vm(2))))
    before = change_log.changes(0).revision
    for _ in range(2):
        change_log.record(Update(revision=0, vms_gone=(1, 2)))
        change_log.record(Update(revision=0, vms=(vm(1),)))
    update = change_log.changes(before)
    assert (update.vms, update.vms_gone) == ((vm(1),), (2,))


def test_rows_that_are_gone_take_no_memory() -> None:
    """Nor do their keys, once no reader would be told of them any more."""
    change_log = ChangeLog(Settings(), max_gone=1_000)
    tracemalloc.start()
    start, _ = tracemalloc.get_traced_memory()
    rows = tuple(vm(id) for id in range(50_000))
    change_log.record(Update(revision=0, vms=rows))
    change_log.record(Update(revision=0, vms_gone=tuple(row.id for row in rows)))
    rows = ()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left - start < 500_000


def test_a_reader_of_another_engine_starts_anew() -> None:
    update = ChangeLog(Settings()).changes(77)
    assert update.reset
    assert update.settings is not None


def test_a_stream_keeps_its_last_items() -> None:
    stream: StreamLog[str] = StreamLog(3)
    for revision, item in enumerate("abcde", start=1):
        stream.record(revision, [item])
    assert stream.items(0) == ("c", "d", "e")
    assert stream.items(4) == ("e",)


def test_waiting_ends_with_the_next_revision() -> None:
    change_log = ChangeLog(Settings())
    now = change_log.changes(0).revision
    assert not change_log.wait(now, timeout=0)
    change_log.record(Update(revision=0, vms=(vm(1),)))
    assert change_log.wait(now, timeout=0)
