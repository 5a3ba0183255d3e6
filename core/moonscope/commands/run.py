from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..errors import MoonscopeError, UsageError
from ..model import Context, LuaFailure, RunResult
from ..model.names import to_bytes, to_text
from .command import Command, Services
from .find_files import refuse_irregular

if TYPE_CHECKING:
    from ..vms.vm import LuaVM

MAX_RESULT = 12 << 20  # characters of output and values in one answer; a message must hold them


class RunChunk(Command[tuple[RunResult, ...]], frozen=True):
    """Run Lua source in VMs; an expression may be given as in Lua's own prompt. Empty `vms`: all."""

    vms: tuple[int, ...]
    source: str
    chunkname: str = "=console"

    def perform(self, engine: Services, context: Context) -> tuple[RunResult, ...]:
        return _run(self.vms, "run", lambda vm: vm.run(self.source, self.chunkname), engine, context)


class RunFile(Command[tuple[RunResult, ...]], frozen=True):
    """Run a file, loaded through the cache, in VMs. Empty `vms`: all."""

    vms: tuple[int, ...]
    path: str

    def perform(self, engine: Services, context: Context) -> tuple[RunResult, ...]:
        name = to_bytes(self.path)
        refuse_irregular(name)
        path = to_text(name)
        return _run(self.vms, f"run {path}", lambda vm: vm.run_file(path), engine, context)


def _run(
    vms: tuple[int, ...], task: str, run: Callable[[LuaVM], RunResult], engine: Services, context: Context
) -> tuple[RunResult, ...]:
    outcomes = engine.pool.each(vms or None, task, lambda vm, _: run(vm), context=context)
    if not outcomes:
        raise UsageError("there is no VM to run this in: spawn one first")
    results = [
        RunResult(vm=id, failure=LuaFailure(str(outcome))) if isinstance(outcome, MoonscopeError) else outcome
        for id, outcome in outcomes.items()
    ]
    engine.recorder.mark_failures([(result.vm, result.failure.message) for result in results if result.failure])
    return _fitting(results)


def _fitting(results: list[RunResult]) -> tuple[RunResult, ...]:
    """The results, shortened so that one message holds all of them."""
    from ..vms.vm import shorten

    limit = MAX_RESULT // len(results)
    if sum(len(result.output) + sum(map(len, result.values)) for result in results) <= MAX_RESULT:
        return tuple(results)
    return tuple(
        replace(
            result,
            output=shorten(result.output, limit=limit // 2),
            values=tuple(shorten(value, limit=limit // 2 // len(result.values)) for value in result.values),
        )
        for result in results
    )
