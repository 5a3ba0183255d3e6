from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ..errors import CancelledError, MoonscopeError, UsageError
from ..model import Context, FileFailure, LoadReport
from .command import Command, Services
from .find_files import find_files

if TYPE_CHECKING:
    from ..vms.mailbox import Batch
    from ..vms.vm import LuaVM

MAX_FAILURES = 1_000  # in a report


class Load(Command[LoadReport], frozen=True):
    """Load files (folders are searched for `.lua`) into VMs and keep the functions. Empty `vms`: all."""

    paths: tuple[str, ...]
    vms: tuple[int, ...] = ()

    def perform(self, engine: Services, context: Context) -> LoadReport:
        names, missing = find_files(self.paths, context)
        # VMs that load side by side begin at different files: each finds later what the other has compiled.
        workers = engine.change_log.settings.workers
        starts = [len(names) * worker // workers for worker in range(workers)]
        orders = itertools.cycle([b"\0".join(names[start:] + names[:start]) for start in starts])

        def load(vm: LuaVM, batch: Batch[tuple[int, list[FileFailure]]]) -> tuple[int, list[FileFailure]]:
            found = vm.load_joined(next(orders), lambda done: batch.advance(vm.id, done))
            if batch.cancelled:
                raise CancelledError(f"VM {vm.id}: cancelled")
            return len(found), found[:MAX_FAILURES]

        task = f"load {len(names)} files"
        outcomes = engine.pool.each(self.vms or None, task, load, units=max(1, len(names)), context=context)
        if not outcomes:
            raise UsageError("there is no VM to load files into: spawn one first")
        failures, failed, loaded = list(missing), len(missing), 0
        for id, outcome in outcomes.items():
            if isinstance(outcome, MoonscopeError):  # closed meanwhile
                outcome = len(names), [FileFailure("", id, str(outcome))]
            failed += outcome[0]
            loaded += len(names) - outcome[0]
            failures += outcome[1][: max(0, MAX_FAILURES - len(failures))]
        return LoadReport(
            files=len(names),
            vms=len(outcomes),
            loaded=loaded,
            failures=tuple(failures[:MAX_FAILURES]),
            failed=failed,
        )
