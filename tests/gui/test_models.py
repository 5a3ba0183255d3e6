"""What the models of files, generations, VMs and loads say about the rows of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from moonscope.model import (
    CacheMode,
    Counters,
    FileRow,
    GenerationRow,
    GenerationState,
    LoadEvent,
    LuaFailure,
    LuaVersion,
    Outcome,
    Settings,
    Tier,
    Update,
    VMRow,
    VMState,
)
from moonscope_gui.features.files.model import FilesModel
from moonscope_gui.features.generations.model import GenerationsModel
from moonscope_gui.features.log.model import LogModel
from moonscope_gui.features.vms.model import VMsModel
from moonscope_gui.state.engine_state import EngineState
from moonscope_gui.widgets.table import TableModel

LUA = LuaVersion.LUA54
pytestmark = pytest.mark.usefixtures("qapp")


def file(key: str = "a.lua", generation: int | None = 1, **more: Any) -> FileRow:
    return FileRow(lua=LUA, key=key, generation=generation, **more)


def generation(id: int = 1, key: str = "a.lua", **more: Any) -> GenerationRow:
    row = GenerationRow(
        id=id, lua=LUA, key=key, state=GenerationState.CURRENT, tier=Tier.BYTECODE, prototypes=3, source_bytes=10,
        shared_bytes=100, unshared_bytes=1000, private_bytes=400, holders=2, hits=5, created=1.0, compile_us=9.0,
    )  # fmt: skip
    return replace(row, **more)


def vm(id: int = 1, **more: Any) -> VMRow:
    row = VMRow(id=id, lua=LUA, state=VMState.IDLE, mode=CacheMode.ON, tier=Tier.BYTECODE)
    return replace(row, **more)


def load(serial: int, outcome: Outcome = Outcome.HIT, vm: int = 1) -> LoadEvent:
    return LoadEvent(serial=serial, time=1.0, lua=LUA, vm=vm, key="a.lua", outcome=outcome, duration_us=1.0, bytes=1)


def cell_tip(model: TableModel[Any], column: str, row: int = 0) -> str:
    index = model.index(row, [c.key for c in model.columns].index(column))
    return str(model.data(index, Qt.ItemDataRole.ToolTipRole))


def cell(model: TableModel[Any], column: str, row: int = 0) -> str:
    return model.text_at(row, [c.key for c in model.columns].index(column))


def tone(model: TableModel[Any], column: str, row: int = 0) -> str:
    return model.tone_at(row, [c.key for c in model.columns].index(column))


class Engine:
    """Sends updates to a model as the window does."""

    def __init__(self, kind: Callable[..., Any]) -> None:
        self.state = EngineState()
        self.model = kind(self.state)

    def send(self, **parts: Any) -> None:
        update = Update(revision=2, since=1, **parts)
        self.state.apply(update)
        self.model.take(update)


def test_a_file_shows_the_numbers_of_its_current_generation() -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(),), generations=(generation(),))
    assert cell(engine.model, "prototypes") == "3"
    assert cell(engine.model, "state") == "current"
    assert cell(engine.model, "saved") == "1.07 KiB"  # (1000 - 400) bytes for each of 2 holders, less 100


def test_a_change_of_the_generation_alone_is_shown_with_the_file() -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(),), generations=(generation(),))
    engine.send(generations=(generation(holders=7),))
    assert cell(engine.model, "holders") == "7"


def test_a_file_whose_generation_was_cleared_has_no_numbers_of_it() -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(),), generations=(generation(),))
    engine.send(files=(file(generation=None, counters=Counters(misses=1)),))
    assert cell(engine.model, "state") == "cleared"
    assert cell(engine.model, "shared_bytes") == ""


@pytest.mark.parametrize(
    ("more", "text", "colour"),
    [
        ({"stale": "changed"}, "changed", "stale"),
        ({"stale": "deleted"}, "deleted", "stale"),
        ({"error": "a.lua:1: oops", "stale": "changed"}, "error", "error"),
    ],
)
def test_the_state_of_a_file_names_the_worst_first(more: dict[str, Any], text: str, colour: str) -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(**more),), generations=(generation(),))
    assert (cell(engine.model, "state"), tone(engine.model, "state")) == (text, colour)


def test_a_file_that_was_never_stored_says_so() -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(generation=None, counters=Counters(bypasses=2)),))
    assert cell(engine.model, "state") == "bypassed"


OLD: dict[str, Any] = {"id": 1, "state": GenerationState.RETIRED, "digest": "old"}
NEW: dict[str, Any] = {"id": 9, "digest": "new"}


def marks(*generations: GenerationRow, **more: Any) -> tuple[str, str]:
    """The mark of a file, and what it says when it is pointed at."""
    engine = Engine(FilesModel)
    engine.send(files=(file(generation=9, **more),), generations=generations)
    entry = engine.model.row_at(0)
    return entry.marks, entry.marks_tip


def test_a_file_of_which_vms_hold_two_versions_is_mixed() -> None:
    mark, tip = marks(generation(**OLD), generation(**NEW))
    assert mark == "mixed"
    assert "VMs run different versions" in tip
    assert "generation 1 (retired) in 2 VMs, generation 9 (current) in 2 VMs" in tip


def test_the_same_source_compiled_twice_is_told_from_a_new_version() -> None:
    mark, tip = marks(generation(**OLD), generation(**{**NEW, "digest": "old"}))
    assert mark == "mixed"
    assert "copies of one version" in tip


@pytest.mark.parametrize("nobody", [{"old": 0}, {"new": 0}])
def test_versions_that_no_vm_holds_do_not_make_a_file_mixed(nobody: dict[str, int]) -> None:
    old, new = nobody.get("old", 2), nobody.get("new", 2)
    assert marks(generation(**OLD, holders=old), generation(**NEW, holders=new)) == ("", "")


def test_a_file_is_not_mixed_any_more_when_its_old_version_is_gone() -> None:
    engine = Engine(FilesModel)
    engine.send(files=(file(generation=9, retired=1),), generations=(generation(**OLD), generation(**NEW)))
    assert cell(engine.model, "marks") == "mixed"
    engine.send(files=(file(generation=9, retired=0),), generations_gone=(1,))
    assert cell(engine.model, "marks") == ""


def test_one_file_under_two_names_is_marked() -> None:
    mark, tip = marks(generation(**NEW), aliases=2)
    assert mark == "alias"
    assert "cached under 2 other names" in tip


def test_names_are_shown_from_their_common_folder_on_and_found_by_all_of_it() -> None:
    engine = Engine(FilesModel)
    QAbstractItemModelTester(engine.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    engine.send(files=(file("/home/lua/a.lua"),))
    assert cell(engine.model, "file") == "a.lua"
    engine.send(files=(file("/home/other/b.lua"),))
    assert [cell(engine.model, "file", row) for row in (0, 1)] == ["lua/a.lua", "other/b.lua"]
    engine.model.set_filter("/home/lua")
    assert engine.model.rowCount() == 1
    assert engine.model.whole_text_at(0, 0) == "/home/lua/a.lua"
    header = engine.model.headerData(0, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert "Names are shown from /home/ on" in header


def test_a_cache_that_costs_memory_says_so() -> None:
    engine = Engine(GenerationsModel)
    engine.send(generations=(generation(holders=0),))
    assert cell(engine.model, "saved") == "\N{MINUS SIGN}100 B"
    assert tone(engine.model, "saved") == "muted"


def test_zeros_are_muted_and_numbers_are_not() -> None:
    engine = Engine(VMsModel)
    engine.send(vms=(vm(counters=Counters(hits=3)),))
    assert tone(engine.model, "hits") == ""
    assert tone(engine.model, "misses") == "muted"


def test_a_failed_vm_says_why_until_it_does_something_else() -> None:
    engine = Engine(VMsModel)
    engine.send(vms=(vm(state=VMState.FAILED, failure=LuaFailure("boom\nat line 1", "traceback")),))
    assert cell(engine.model, "task") == "boom"
    engine.send(vms=(vm(state=VMState.RUNNING, task="run x.lua"),))
    assert cell(engine.model, "task") == "run x.lua"


def test_memory_near_its_cap_is_marked() -> None:
    engine = Engine(VMsModel)
    engine.send(vms=(vm(memory=95, memory_cap=100),))
    assert tone(engine.model, "memory") == "stale"


@pytest.mark.parametrize(
    ("outcome", "mode", "words"),
    [
        (Outcome.HIT, CacheMode.ON, "from the cache"),
        (Outcome.MISS, CacheMode.ON, "compiled and stored"),
        (Outcome.RACE, CacheMode.ON, "another VM stored it first"),
        (Outcome.BYPASS, CacheMode.OFF, "mode is off"),
        (Outcome.BYPASS, CacheMode.EXIST, "mode exist, and nothing was stored"),
        (Outcome.ERROR, CacheMode.ON, "line 1: oops"),
    ],
)
def test_the_log_gives_the_reason_of_each_load(outcome: Outcome, mode: CacheMode, words: str) -> None:
    engine = Engine(LogModel)
    engine.send(vms=(vm(mode=mode),), files=(file(error="a.lua:1: oops"),), loads=(load(1, outcome),))
    assert words in cell(engine.model, "reason")


def test_the_reason_stays_what_it_was_when_the_mode_changes_later() -> None:
    engine = Engine(LogModel)
    engine.send(vms=(vm(mode=CacheMode.OFF),), loads=(load(1, Outcome.BYPASS),))
    engine.send(vms=(vm(mode=CacheMode.ON),))
    assert "mode is off" in cell(engine.model, "reason")


def test_the_log_keeps_the_newest_loads() -> None:
    state = EngineState()
    log = LogModel(state, limit=10)
    for first in (0, 4, 8, 30):
        log.take(Update(revision=2, since=1, loads=tuple(load(n) for n in range(first, first + 7))))
    kept = [log.row_at(position).event.serial for position in range(log.rowCount())]
    assert kept == [12, 13, 14, *range(30, 37)]


def test_a_snapshot_replaces_all_rows() -> None:
    engine = Engine(VMsModel)
    engine.send(vms=(vm(1), vm(2)))
    update = Update(revision=9, reset=True, vms=(vm(3),))
    engine.state.apply(update)
    engine.model.take(update)
    assert [cell(engine.model, "id", row) for row in range(engine.model.rowCount())] == ["3"]


def test_the_tier_of_every_file_generation_and_vm_says_why_it_is_not_a_better_one() -> None:
    state = EngineState()
    files, generations, vms = FilesModel(state), GenerationsModel(state), VMsModel(state)
    settings = Settings(tiers=((LUA, Tier.GRAFT, "there is no runtime"),))
    update = Update(
        revision=1,
        settings=settings,
        files=(file("a.lua"), file("b.lua", 2)),
        generations=(generation(1, tier=Tier.GRAFT), generation(2, "b.lua", tier=Tier.BYTECODE)),
        vms=(vm(1, tier=Tier.GRAFT), vm(2, tier=Tier.OFF)),
    )
    state.apply(update)
    for model in (files, generations, vms):
        model.take(update)
        for column in ("tier", model.columns[0].key):
            assert "Why not better: there is no runtime." in cell_tip(model, column, 0)
    for model in (files, generations):
        assert "VMs of Lua 5.4 share by graft, but this file cannot" in cell_tip(model, "tier", 1)
    assert "It was asked for; graft can be had." in cell_tip(vms, "tier", 1)


def test_grafts_on_conflict_are_shown_in_the_tier_and_spare_less() -> None:
    direct = generation(tier=Tier.DIRECT, shared_bytes=1000, unshared_bytes=1000, private_bytes=0, holders=4)
    for kind in (FilesModel, GenerationsModel):
        engine = Engine(kind)
        engine.send(files=(file(),), generations=(direct,))
        assert (cell(engine.model, "tier"), cell(engine.model, "saved")) == ("direct", "2.93 KiB")
        engine.send(generations=(replace(direct, conflicts=3, conflict_bytes=512),))
        assert (cell(engine.model, "tier"), cell(engine.model, "saved")) == ("direct, 3 graft", "1.43 KiB")
        assert "3 VMs of 4 by graft: the VM had words of its own before" in cell_tip(engine.model, "tier")
        assert "512 B in each of them" in cell_tip(engine.model, "tier")
        assert tone(engine.model, "tier") == "bypass"
        engine.send(generations=(replace(direct, conflicts=1, conflict_tier=Tier.BYTECODE),))
        assert cell(engine.model, "tier") == "direct, 1 bytecode"


def test_a_vm_tells_what_it_has_by_graft() -> None:
    engine = Engine(VMsModel)
    engine.send(vms=(vm(tier=Tier.DIRECT, generations=5, conflicts=2),))
    assert cell(engine.model, "tier") == "direct, 2 graft"
    told = cell_tip(engine.model, "tier")
    assert "2 files of 5 by graft, or by bytecode where constants are too many: the VM had words" in told
