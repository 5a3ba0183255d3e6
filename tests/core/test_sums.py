"""Bytes that are told in several places are the same everywhere, and an idle engine is not told as a loss."""

from __future__ import annotations

import gc
from collections.abc import Callable

from moonscope.commands import Clear, Load
from moonscope.engine import Engine
from moonscope.model import Update

SpawnVMs = Callable[..., tuple[int, ...]]
Write = Callable[[str, str], str]
Eventually = Callable[[Callable[[Update], object]], Update]


def test_an_engine_with_no_file_shares_nothing_and_loses_nothing(
    engine: Engine, spawn: SpawnVMs, eventually: Eventually
) -> None:
    gc.collect()  # strings are shared by all engines of a process: those of engines that are gone go with them
    spawn(2)

    def shares_nothing(update: Update) -> bool:
        return bool(update.samples) and update.samples[-1].vms == 2 and update.samples[-1].shared_bytes == 0

    sample = eventually(shares_nothing).samples[-1]
    assert sample.unshared_bytes >= sample.private_bytes


def test_files_are_counted_as_long_as_a_load_finds_them(
    engine: Engine, spawn: SpawnVMs, write: Write, eventually: Eventually
) -> None:
    spawn(2)
    engine.perform(Load(paths=tuple(write(f"{number}.lua", f"return {number}") for number in range(3))))
    update = eventually(lambda update: update.samples and update.samples[-1].files == 3)
    assert update.samples[-1].shared_bytes >= sum(row.shared_bytes for row in update.generations) > 0
    engine.perform(Clear())  # the VMs hold what was cleared, and its files stay listed
    assert eventually(lambda update: update.samples[-1].files == 0).files
