"""An engine's updates: a reader that follows them has what a snapshot has, and little is sent when little changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from moonscope.commands import Clear, Close, Collect, Load, RunChunk, SetMode
from moonscope.engine import Engine
from moonscope.model import CacheMode, Update

Write = Callable[[str, str | bytes], str]
Spawn = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]


def follow(rows: dict[Any, Any], update: Update) -> None:
    if update.reset:
        rows.clear()
    rows.update(((row.lua, row.key), row) for row in update.files)
    rows.update((("generation", row.id), row) for row in update.generations)
    rows.update((("vm", row.id), row) for row in update.vms)
    gone: list[Any] = [*update.files_gone]
    gone += [("generation", id) for id in update.generations_gone] + [("vm", id) for id in update.vms_gone]
    for key in gone:
        rows.pop(key, None)


def test_following_an_engine_gives_its_snapshot(engine: Engine, spawn: Spawn, write: Write) -> None:
    """A seeded random life; the reader asks for changes after some of the steps only."""
    choice = random.Random(7)
    paths = [write(f"{number}.lua", f"return {number}") for number in range(6)] + [write("bad.lua", "return =")]
    alive: list[int] = []
    rows: dict[Any, Any] = {}
    revision = 0
    for _ in range(120):
        step = choice.randrange(7)
        if step == 0 or not alive:
            alive += spawn(choice.randint(1, 3))
        elif step == 1:
            engine.perform(Load(paths=tuple(choice.sample(paths, 3)), vms=(choice.choice(alive),)))
        elif step == 2:
            engine.perform(Clear(keys=tuple(choice.sample(paths, 2))))
        elif step == 3:
            engine.perform(Close(vms=(alive.pop(choice.randrange(len(alive))),)))
        elif step == 4:
            engine.perform(RunChunk(vms=tuple(alive), source=choice.choice(["return 1", "error('x')", "print(1)"])))
        elif step == 5:
            engine.perform(SetMode(vms=(choice.choice(alive),), mode=choice.choice(list(CacheMode))))
        else:
            engine.perform(Collect())
        if choice.random() < 0.4:
            update = engine.changes(revision)
            follow(rows, update)
            revision = update.revision
    follow(rows, engine.changes(revision))
    snapshot: dict[Any, Any] = {}
    whole = engine.changes(0)
    follow(snapshot, whole)
    if engine.changes(revision).revision == whole.revision or rows != snapshot:
        follow(rows, engine.changes(revision))
    assert rows == snapshot


def test_only_rows_that_changed_are_sent(engine: Engine, spawn: Spawn, write: Write) -> None:
    vms = spawn(20)
    engine.perform(Load(paths=tuple(write(f"{number}.lua", "return 1") for number in range(20))))
    engine.wait(engine.changes(0).revision, 20)
    revision = engine.changes(0).revision
    engine.perform(Load(paths=(engine.changes(0).files[0].key,), vms=vms[:1]))
    update = engine.changes(revision)
    assert len(update.files) == len(update.generations) == 1
    assert [row.id for row in update.vms] == [vms[0]]


def test_samples_come_by_themselves(engine: Engine, spawn: Spawn, write: Write, eventually: Eventually) -> None:
    spawn(3)
    engine.perform(Load(paths=(write("a.lua", "return 1"),)))
    snapshot = eventually(lambda update: update.samples and update.samples[-1].counters.loads == 3)
    last = snapshot.samples[-1]
    assert last.vms == 3
    assert last.shared_bytes >= sum(row.shared_bytes for row in snapshot.generations) > 0  # tier direct: and words
    assert last.retained_bytes == 0
    assert last.private_bytes == sum(row.memory for row in snapshot.vms)
    assert last.unshared_bytes > 0
    assert 0 < last.overhead_bytes < last.rss_bytes
    assert last.rss_bytes > last.shared_bytes
    assert [sample.time for sample in snapshot.samples] == sorted(sample.time for sample in snapshot.samples)


def test_marks_tell_what_was_done(engine: Engine, spawn: Spawn, write: Write) -> None:
    vms = spawn(2)
    path = write("a.lua", "return 1")
    engine.perform(Load(paths=(path,)))
    engine.perform(RunChunk(vms=(), source="error('boom')"))
    engine.perform(Collect())
    engine.perform(Clear(keys=(path,)))
    engine.perform(Clear())
    engine.perform(Close(vms=vms))
    marks = engine.changes(0).marks
    assert [mark.kind for mark in marks] == ["spawn", "failure", "collect", "evict", "clear", "close"]
    assert marks[0].text == "2 VMs of Lua 5.4"
    assert "boom" in marks[1].text


def test_settings_tell_what_can_be_used_here(engine: Engine) -> None:
    settings = engine.changes(0).settings
    assert settings is not None
    assert {lua for lua, _ in settings.luas} >= {"5.4", "luajit2.1"}
    assert dict(settings.luas)["5.4"].startswith("Lua 5.4.")  # type: ignore[index]
