"""Files that changed since they were compiled, and keys that name one file twice, are found without touching a hit."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moonscope.commands import Clear, Load
from moonscope.engine import Engine
from moonscope.model import FileRow, Update
from moonscope.telemetry import disk

Write = Callable[[str, str | bytes], str]
Spawn = Callable[..., tuple[int, ...]]
Eventually = Callable[[Callable[[Update], object]], Update]


def row(update: Update, path: str) -> FileRow:
    return next(row for row in update.files if row.key == path)


def test_a_changed_file_is_stale_until_it_is_compiled_again(
    engine: Engine, spawn: Spawn, write: Write, eventually: Eventually
) -> None:
    path, other = write("a.lua", "return 1"), write("b.lua", "return 1")
    spawn(1)
    engine.perform(Load(paths=(path, other)))
    write("a.lua", "return 2")
    snapshot = eventually(lambda update: row(update, path).stale)
    assert (row(snapshot, path).stale, row(snapshot, other).stale) == ("changed", "")
    engine.perform(Clear(keys=(path,)))
    assert row(engine.changes(0), path).stale == ""
    engine.perform(Load(paths=(path,)))
    assert row(engine.changes(0), path).stale == ""


def test_a_deleted_file_is_stale(engine: Engine, spawn: Spawn, write: Write, eventually: Eventually) -> None:
    path = write("a.lua", "return 1")
    spawn(1)
    engine.perform(Load(paths=(path,)))
    Path(path).unlink()
    assert row(eventually(lambda update: row(update, path).stale), path).stale == "deleted"


def test_the_same_content_is_not_stale(engine: Engine, spawn: Spawn, write: Write, eventually: Eventually) -> None:
    """A file that was only touched, or written again as it was, is as compiled."""
    path, changed = write("a.lua", "return 1"), write("b.lua", "return 1")
    spawn(1)
    engine.perform(Load(paths=(path, changed)))
    [digest] = {row.digest for row in eventually(lambda update: all(r.digest for r in update.generations)).generations}
    assert digest == hashlib.sha256(b"return 1").hexdigest()
    os.utime(path, (1, 1))
    os.utime(changed, (1, 1))
    write("b.lua", "return 2")
    assert row(eventually(lambda update: row(update, changed).stale), path).stale == ""


def test_a_file_too_large_to_be_read_is_judged_by_its_time(
    engine: Engine, spawn: Spawn, write: Write, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "MAX_READ", 4)
    path, other = write("a.lua", "return 1"), write("b.lua", "return 1")
    spawn(1)
    engine.perform(Load(paths=(path, other)))
    write("a.lua", "return 2")
    os.utime(path, (1, 1))
    snapshot = eventually(lambda update: row(update, path).stale)
    assert (row(snapshot, path).stale, row(snapshot, other).stale) == ("changed", "")


def test_a_file_that_cannot_be_read_any_more_is_not_taken_for_deleted(
    engine: Engine, spawn: Spawn, write: Write, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its permissions were changed, which does not stop root, who may run this test."""
    monkeypatch.setattr(hashlib, "file_digest", refuse)
    path, touched, gone = (write(name, "return 1") for name in ("a.lua", "b.lua", "c.lua"))
    spawn(1)
    engine.perform(Load(paths=(path, touched, gone)))
    os.utime(touched, (1, 1))
    Path(gone).unlink()
    snapshot = eventually(lambda update: row(update, gone).stale and row(update, touched).stale)
    assert [row(snapshot, key).stale for key in (path, touched, gone)] == ["", "changed", "deleted"]


def refuse(*_: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_names_of_one_file_are_aliases(engine: Engine, spawn: Spawn, write: Write, eventually: Eventually) -> None:
    path, alone = write("a.lua", "return 1"), write("b.lua", "return 1")
    dotted = path.replace("a.lua", "./a.lua")
    link = Path(path).with_name("link.lua")
    link.hardlink_to(path)
    spawn(1)
    engine.perform(Load(paths=(path, dotted, str(link), alone)))
    snapshot = eventually(lambda update: row(update, path).aliases)
    assert [row(snapshot, key).aliases for key in (path, dotted, str(link), alone)] == [2, 2, 2, 0]
