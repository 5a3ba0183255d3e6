"""What each command does, in terms of the caches, the VMs and the record of what happens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sized
from typing import TypeVar, assert_never

from msgspec.structs import replace

from ..cache import files
from ..cache.caches import Caches
from ..cache.code_cache import CodeCache
from ..cache.native_rows import native_id
from ..errors import CancelledError, MoonscopeError, UnsupportedError, UsageError
from ..model import ClearReport, FileFailure, LoadReport, LuaFailure, LuaVersion, RunResult, Sharing, Update
from ..model.names import to_bytes, to_text
from ..telemetry.change_log import Ledger
from ..telemetry.recorder import Recorder
from ..vms.mailbox import Batch, Cancelled, Progress
from ..vms.pool import VMPool
from ..vms.vm import LuaVM, joined, shorten
from ..wire.messages import (
    AnyCommand,
    Clear,
    Cleared,
    Close,
    Closures,
    Collect,
    Done,
    FindClosures,
    Holders,
    Inspect,
    Inspected,
    InspectFile,
    Interrupt,
    Interrupted,
    Load,
    Loaded,
    Looked,
    LookInto,
    Result,
    RunChunk,
    RunFile,
    Runs,
    SetLimits,
    SetMode,
    Shutdown,
    Spawn,
    Spawned,
    VMList,
)

T = TypeVar("T")

MAX_FAILURES = 1_000  # a load report names so many
MAX_RESULT = 12 << 20  # characters of output and values in one answer; a message must hold them


class Commands:
    """Carries commands out for an engine. Methods may be called from any thread."""

    def __init__(self, caches: Caches, pool: VMPool, recorder: Recorder, ledger: Ledger) -> None:
        self._caches = caches
        self._pool = pool
        self._recorder = recorder
        self._ledger = ledger

    def carry_out(self, command: AnyCommand, progress: Progress | None, cancelled: Cancelled | None) -> Result:
        match command:
            case Spawn():
                return self._spawn(command, progress, cancelled)
            case Load():
                return self._load(command, progress, cancelled)
            case RunChunk():
                source, chunkname = command.source, command.chunkname
                return self._run(command.vms, "run", lambda vm: vm.run(source, chunkname), progress, cancelled)
            case RunFile():
                path = to_text(to_bytes(command.path))
                return self._run(command.vms, f"run {path}", lambda vm: vm.run_file(path), progress, cancelled)
            case Collect():
                return self._collect(command, progress, cancelled)
            case Interrupt():
                return self._interrupt(command)
            case Close():
                return self._close(command, progress, cancelled)
            case SetMode():
                return self._set_mode(command)
            case SetLimits():
                return self._set_limits(command)
            case Clear():
                return self._clear(command)
            case Inspect():
                return self._inspect(command, cancelled)
            case InspectFile():
                return self._inspect_file(command, progress, cancelled)
            case Holders():
                return VMList(self._cache_of(command.generation).holders(command.generation))
            case LookInto():
                return self._look(command, progress, cancelled)
            case FindClosures():
                return self._find_closures(command, progress, cancelled)
            case Shutdown():
                raise UnsupportedError("only a host that was started for a window can be shut down from there")
            case _:
                assert_never(command)

    def _spawn(self, command: Spawn, progress: Progress | None, cancelled: Cancelled | None) -> Spawned:
        options = command.options
        if options.mode is None:
            options = replace(options, mode=self._ledger.settings.default_mode)
        if options.libraries is None:
            options = replace(options, libraries=self._ledger.settings.default_libraries)
        if options.sharing is Sharing.AUTO and self._ledger.settings.default_sharing is Sharing.OFF:
            options = replace(options, sharing=Sharing.OFF)
        try:
            with self._caches.spawning(options.lua, options.sharing) as cache:
                report = self._pool.spawn(cache, options, command.count, progress, cancelled)
        except CancelledError as error:
            self._recorder.mark("spawn", str(error))
            raise
        self._recorder.mark("spawn", f"{_vms(len(report.vms))} of {options.lua.full_name}")
        self._mark_failures([(failure.vm, failure.message) for failure in report.failures])
        return Spawned(report)

    def _load(self, command: Load, progress: Progress | None, cancelled: Cancelled | None) -> Loaded:
        names, missing = files.find(command.paths, cancelled)
        # VMs that load side by side begin at different files, each finds later what the other has compiled.
        workers = self._ledger.settings.workers
        starts = [len(names) * worker // workers for worker in range(workers)]
        turns = itertools.cycle([joined(names[start:] + names[:start]) for start in starts])

        def load(vm: LuaVM, batch: Batch[tuple[int, list[FileFailure]]]) -> tuple[int, list[FileFailure]]:
            found = vm.load_joined(next(turns), lambda done: batch.advance(vm.id, done))
            if batch.cancelled:
                raise CancelledError(f"VM {vm.id}: cancelled")
            return len(found), found[:MAX_FAILURES]

        task = f"load {len(names)} files"
        outcomes = self._pool.each(
            command.vms or None, task, load, units=max(1, len(names)), progress=progress, cancelled=cancelled
        )
        _refuse_none(outcomes, "load files into")
        failures, failed, loaded = list(missing), len(missing), 0
        for id, outcome in outcomes.items():
            if isinstance(outcome, MoonscopeError):  # closed meanwhile
                outcome = len(names), [FileFailure("", id, str(outcome))]
            failed += outcome[0]
            loaded += len(names) - outcome[0]
            failures += outcome[1][: max(0, MAX_FAILURES - len(failures))]
        report = LoadReport(
            files=len(names), vms=len(outcomes), loaded=loaded, failures=tuple(failures[:MAX_FAILURES]), failed=failed
        )
        return Loaded(report)

    def _run(
        self,
        vms: tuple[int, ...],
        task: str,
        run: Callable[[LuaVM], RunResult],
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Runs:
        outcomes = self._pool.each(vms or None, task, lambda vm, _: run(vm), progress=progress, cancelled=cancelled)
        _refuse_none(outcomes, "run this in")
        results = [
            RunResult(vm=id, failure=LuaFailure(str(outcome))) if isinstance(outcome, MoonscopeError) else outcome
            for id, outcome in outcomes.items()
        ]
        self._mark_failures((result.vm, result.failure.message) for result in results if result.failure)
        return Runs(_fitting(results))

    def _collect(self, command: Collect, progress: Progress | None, cancelled: Cancelled | None) -> Done:
        outcomes = self._pool.each(
            command.vms or None,
            "collect garbage",
            lambda vm, _: vm.memory - vm.collect(),
            progress=progress,
            cancelled=cancelled,
        )
        freed = [outcome for outcome in outcomes.values() if isinstance(outcome, int)]
        self._recorder.mark("collect", f"{_vms(len(freed))}, {sum(freed):,} bytes freed")
        return Done(len(freed))

    def _interrupt(self, command: Interrupt) -> Interrupted:
        report = self._pool.interrupt(command.vms or None)
        if report.ended:
            self._recorder.mark("interrupt", _vms(len(report.ended)))
        for stuck in report.still_running:
            self._recorder.mark("failure", f"VM {stuck.vm} could not be interrupted: it is inside {stuck.inside}")
        for stuck in report.abandoned:
            text = f"VM {stuck.vm} was abandoned inside {stuck.inside}: its memory is in use until that returns"
            self._recorder.mark("failure", text)
        return Interrupted(report)

    def _close(self, command: Close, progress: Progress | None, cancelled: Cancelled | None) -> Done:
        count = self._pool.close(command.vms or None, progress, cancelled)
        if count:
            self._recorder.mark("close", _vms(count))
        return Done(count)

    def _set_mode(self, command: SetMode) -> Done:
        if command.vms:
            self._pool.set_mode(command.vms, command.mode)
        else:
            settings = replace(self._ledger.settings, default_mode=command.mode)
            self._ledger.record(Update(revision=0, settings=settings))
        return Done(len(command.vms))

    def _set_limits(self, command: SetLimits) -> Done:
        self._caches.set_limits(command.cache_bytes, command.cache_files)
        limits = {"cache_bytes": command.cache_bytes, "cache_files": command.cache_files}
        self._ledger.record(Update(revision=0, settings=replace(self._ledger.settings, **limits)))
        return Done(len(self._caches.all()))

    def _clear(self, command: Clear) -> Cleared:
        keys = command.keys or (() if command.pattern else None)
        caches = self._caches.all() if command.lua is None else [self._caches.get(command.lua)]
        reports = [cache.clear(keys, pattern=command.pattern, dry_run=command.dry_run) for cache in caches]
        report = ClearReport(
            files=sum(report.files for report in reports),
            freed_bytes=sum(report.freed_bytes for report in reports),
            retained_bytes=sum(report.retained_bytes for report in reports),
            vms_on_old_code=tuple(sorted({vm for report in reports for vm in report.vms_on_old_code})),
            dry_run=command.dry_run,
        )
        if not command.dry_run:
            text = f"{report.files:,} files, {report.freed_bytes:,} bytes freed, {report.retained_bytes:,} retained"
            self._recorder.mark("clear" if keys is None else "evict", text)
        return Cleared(report)

    def _inspect(self, command: Inspect, cancelled: Cancelled | None) -> Inspected:
        cache = self._cache_of(command.generation)
        dump = cache.payload(command.generation)
        _heed(cancelled, "inspect")
        return Inspected(cache.lua, cache.generation(command.generation).key, dump, command.generation)

    def _inspect_file(self, command: InspectFile, progress: Progress | None, cancelled: Cancelled | None) -> Inspected:
        _heed(cancelled, "inspect")
        if progress is not None:
            progress(0, 0, "compiling")  # Lua's compiler tells nothing until it is through
        dump = self._caches.get(command.lua).compile(command.path)
        _heed(cancelled, "inspect")
        return Inspected(command.lua, command.path, dump)

    def _look(self, command: LookInto, progress: Progress | None, cancelled: Cancelled | None) -> Looked:
        path, offset, limit = command.path, command.offset, command.limit
        outcomes = self._pool.each(
            (command.vm,), "look", lambda vm, _: vm.look(path, offset, limit), brief=True,
            progress=progress, cancelled=cancelled,
        )  # fmt: skip
        outcome = outcomes[command.vm]
        if isinstance(outcome, MoonscopeError):
            raise outcome
        return Looked(outcome)

    def _find_closures(self, command: FindClosures, progress: Progress | None, cancelled: Cancelled | None) -> Closures:
        native, _ = native_id(command.generation) or (0, None)
        holders = set(self._cache_of(command.generation).holders(command.generation))
        vms = [actor.id for actor in self._pool.actors() if actor.id in holders and not actor.closing]
        line, last_line = command.line, command.last_line
        outcomes = self._pool.each(
            vms, "find closures", lambda vm, _: vm.count_closures(native, line, last_line), brief=True,
            progress=progress, cancelled=cancelled,
        )  # fmt: skip
        return Closures(tuple(count for count in outcomes.values() if not isinstance(count, MoonscopeError)))

    # Small help

    def _cache_of(self, generation: int) -> CodeCache:
        found = native_id(generation)
        return self._caches.get(found[1] if found is not None else LuaVersion.LUA54)

    def _mark_failures(self, failures: Iterable[tuple[int, str]]) -> None:
        """One mark for a command, however many VMs failed."""
        failed = list(failures)
        if failed:
            vm, message = failed[0]
            others = f" (and {len(failed) - 1} other VMs)" if len(failed) > 1 else ""
            self._recorder.mark("failure", f"VM {vm}{others}: {message.splitlines()[0] if message else ''}")


def _vms(count: int) -> str:
    return f"{count:,} VM" if count == 1 else f"{count:,} VMs"


def _heed(cancelled: Cancelled | None, task: str) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError(f"{task}: cancelled")


def _refuse_none(outcomes: Sized, what_for: str) -> None:
    if not outcomes:
        raise UsageError(f"there is no VM to {what_for}: spawn one first")


def _fitting(results: list[RunResult]) -> tuple[RunResult, ...]:
    """The results cut so that one answer holds all of them."""
    limit = MAX_RESULT // max(1, len(results))
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
