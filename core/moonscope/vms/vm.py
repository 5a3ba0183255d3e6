"""`LuaVM`: one Lua VM that loads through a cache, can be interrupted, and gives results as values."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from .._native import (
    REASON_EXIT,
    REASON_INSTRUCTIONS,
    REASON_PERSON,
    REASON_TIME,
    RUN_CHUNK,
    RUN_EXPRESSION,
    RUN_FILE,
    STATUS_INTERRUPTED,
    STATUS_OK,
    WITHOUT_BINARY,
    WITHOUT_DEBUG,
    WITHOUT_NATIVE,
    WITHOUT_SYSTEM,
)
from ..arguments import check_arguments
from ..cache.code_cache import CodeCache
from ..cache.forks import refuse_in_child
from ..cache.native_rows import MODES
from ..errors import MoonscopeError, UnsupportedError, UsageError
from ..model import (
    CacheMode,
    ClosureCount,
    FileFailure,
    Libraries,
    LookLevel,
    LookStep,
    LuaFailure,
    RunResult,
    Sharing,
    Tier,
    VMOptions,
)
from ..model.names import printable, to_bytes, to_text, utf_8
from .look import MAX_ENTRIES, check_lines, check_page, closure_count, level, native_path
from .watchdog import REPEAT, Watchdog

MIN_MEMORY_CAP = 65_536  # bytes; a new VM of any Lua, with all libraries, has less
MAX_OUTPUT = 2 << 20  # characters of one run's output, and of each value, that a result keeps; the C part keeps 1 MiB

CLOSE_SECONDS = 1.0  # that finalizers may take when a VM is closed
CLOSE_REPEAT = 0.0005  # seconds between two tries to end them then: each of many has to be ended by itself
COUNT_SECONDS = 0.05  # after which an instruction budget counts in finalizers, too

_RESTRICTED = WITHOUT_DEBUG | WITHOUT_NATIVE | WITHOUT_BINARY
_WITHOUT = {Libraries.ALL: 0, Libraries.RESTRICTED: _RESTRICTED, Libraries.PURE: _RESTRICTED | WITHOUT_SYSTEM}


class Listener(Protocol):
    """What happens in VMs; called on the thread that runs the VM, or that drains its output."""

    def printed(self, vm: int, text: str) -> None:
        """Lua code in VM `vm` wrote `text`."""

    def exited(self, vm: int, code: int) -> None:
        """A script called os.exit, which ended its run."""


class _Run:
    """One run of one VM, or a part of one, for the watchdog: what ends it can never hit the next one."""

    __slots__ = ("_vm", "repeat")

    def __init__(self, vm: LuaVM, repeat: float = REPEAT) -> None:
        self._vm = vm
        self.repeat = repeat

    def interrupt(self, reason: int) -> bool:
        return self._vm.interrupt_run(self, reason)


@check_arguments
class LuaVM:
    """One VM. Its methods may be called from any thread; a second run waits for the first.

    A VM is made ready in the constructor, boot script apart (`boot`). Raises UsageError for options that
    cannot hold, UnsupportedError when there is no memory for it.
    """

    def __init__(
        self,
        cache: CodeCache,
        options: VMOptions | None = None,
        *,
        id: int | None = None,
        watchdog: Watchdog | None = None,
        listener: Listener | None = None,
    ) -> None:
        options = VMOptions(lua=cache.lua) if options is None else options
        check(options)
        if options.lua != cache.lua:
            raise UsageError(f"a VM of {options.lua.full_name} cannot use the cache of {cache.lua.full_name}")
        self.options = options
        self.tier = Tier.OFF if options.sharing is Sharing.OFF else cache.tier
        off = self.tier is Tier.OFF
        mode = CacheMode.OFF if off else options.mode or CacheMode.ON
        without = _WITHOUT[options.libraries or Libraries.ALL]
        self.id = cache.new_id() if id is None else id
        self._pid = os.getpid()
        self._deadline = float("inf")  # of the run that goes on, by time.monotonic
        self._watchdog = watchdog if watchdog is not None else Watchdog()
        self._listener = listener
        self._output: list[str] = []
        self._printed = 0
        self._busy = threading.Lock()  # held during a run: never two threads in one VM
        self._turn = threading.Lock()  # held to look at, begin or end a run
        self._closing = False
        self.current: _Run | None = None
        self._portion: _Run | None = None  # of a load
        self.interrupted = False  # what it did last was told to end, and not by os.exit
        # The last thing that can fail: without this object, nobody would close it.
        try:
            self._native = cache.native.spawn(
                self.id, MODES.index(mode), options.memory_cap or 0,
                options.instruction_budget or 0, _search_path(options.roots), options.jit, off, without,
            )  # fmt: skip
        except MemoryError:
            raise UnsupportedError(f"no VM of {cache.lua.full_name} can be made: the memory is full") from None

    # Running

    def boot(self) -> RunResult:
        """Run the boot script of the options; an empty success without one."""
        return self.run(self.options.boot or "", "=boot", expression=False)

    def run(self, source: str, chunkname: str = "=console", *, expression: bool = True) -> RunResult:
        """Run Lua source; with `expression`, `1 + 1` alone is understood as Lua's prompt does."""
        how = RUN_EXPRESSION if expression else RUN_CHUNK
        return self._run_to_result(utf_8(source), to_bytes(chunkname), how)

    def run_file(self, path: str) -> RunResult:
        """Run a file, loaded through the cache."""
        return self._run_to_result(to_bytes(path), b"", RUN_FILE)

    def load(self, names: Iterable[bytes]) -> list[FileFailure]:
        """Load files through the cache and keep their main functions, without running them."""
        return self.load_joined(joined(names))

    def load_joined(self, names: bytes, advance: Callable[[int], object] | None = None) -> list[FileFailure]:
        """As `load`; for many VMs the names are `joined` once. `advance` is told how many files each portion had.

        Once interrupted, each file that was not come to is a failure. The time budget is for the finalizers of scripts
        that run meanwhile; each portion of files has it anew.
        """
        at = 0
        with self._running(timed=False):
            while at < len(names):
                with self._timed_portion():
                    at, tried = self._native.load(names, at)
                if advance is not None:
                    advance(tried)
            failures = self._native.take_failures()
            self.interrupted = self._native.take_result()[0] == STATUS_INTERRUPTED
        return [FileFailure(to_text(name), self.id, printable(text)) for name, text in failures]

    def collect(self) -> int:
        """A full garbage collection. Returns the bytes held afterwards."""
        with self._running():
            return self._native.collect()

    def look(self, path: Sequence[LookStep] = (), offset: int = 0, limit: int = MAX_ENTRIES) -> LookLevel:
        """One level of what is in the VM: the entries of the value that `path` leads to. Runs nothing of the VM.

        Raises UsageError for a path or page that cannot be, and what `look.level` raises.
        """
        check_page(offset, limit)
        steps = native_path(path)
        with self._running():
            answer = self._native.look(steps, offset, limit)
        return level(self.options.lua, self.id, path, offset, answer)

    def count_closures(self, generation: int, line: int, last_line: int) -> ClosureCount:
        """How many closures it holds of the prototype on these lines of a generation (its id in the C part).

        Raises UsageError for lines that no file has.
        """
        check_lines(line, last_line)
        with self._running():
            answer = self._native.count_closures(generation, line, last_line)
        return closure_count(self.id, answer)

    def interrupt(self) -> bool:
        """End the run that is going on, whatever Lua code does; False when none is. Returns at once.

        What no hook can reach ends first by itself: a C function (a long pattern match; `stuck_in` names it), and on
        LuaJIT compiled traces (`VMOptions.jit`).
        """
        refuse_in_child(self._pid, "VM")
        run = self.current
        if run is not None:
            self._watch(run)
        return run is not None

    def interrupt_run(self, run: _Run, reason: int) -> bool:
        """For the watchdog: try once to end that run; False when it is over."""
        with self._turn:
            if run is not self.current and run is not self._portion:
                return False
            if reason == REASON_INSTRUCTIONS and time.monotonic() >= self._deadline:
                reason = REASON_TIME
            self._native.interrupt(reason)
            return True

    def pause(self) -> None:
        """Have the run that goes on wait, from the next Lua instruction on, until `resume`, or until it is interrupted.
        Nothing when none does."""
        self._native.pause()

    def resume(self) -> None:
        """Let the run that `pause` stopped go on."""
        self._native.resume()

    def close(self) -> None:
        """Tear the VM down; a run is interrupted first. Idempotent; waits until `lua_close` has returned.
        Finalizers that run then are ended by `interrupt`, and after CLOSE_SECONDS.
        Nothing happens in a child that was forked since it was made."""
        if os.getpid() != self._pid:
            return
        with self._turn:
            self._closing = True
        self.interrupt()
        with self._busy:
            with self._turn:
                self.current = run = _Run(self, CLOSE_REPEAT)
            try:
                with contextlib.suppress(MoonscopeError):  # then they have all the time they want
                    self._watch(run, after=CLOSE_SECONDS)
                self._native.close()
            finally:
                with self._turn:
                    self.current = None
                self._watchdog.over(run)

    # Reading, while it runs too

    @property
    def mode(self) -> CacheMode:
        """The cache mode; applies from the next load on. Setting it raises UsageError in a VM that never shares."""
        return MODES[self._native.mode]

    @mode.setter
    def mode(self, mode: CacheMode) -> None:
        if self.tier is Tier.OFF and mode is not CacheMode.OFF:
            raise UsageError(f"VM {self.id} was spawned with sharing off; its cache mode stays off")
        self._native.set_mode(MODES.index(mode))

    @property
    def memory(self) -> int:
        """Bytes its allocator holds now."""
        return self._native.memory

    @property
    def memory_peak(self) -> int:
        """Most bytes that the VM ever had allocated."""
        return self._native.memory_peak

    @property
    def load_us(self) -> float:
        """µs spent in cached loads since birth. Of repeated hits each 16th is timed, and stands for the others."""
        return self._native.load_us

    @property
    def running(self) -> bool:
        """Whether a run is in progress."""
        return self.current is not None

    def stuck_in(self) -> str:
        """The name of the C function that it is inside now, which no interrupt ends; empty when it is in none."""
        return self._native.stuck_in()

    @property
    def closed(self) -> bool:
        """Whether `lua_close` has returned; only then are its generations let go."""
        return self._native.closed

    def drain_output(self) -> None:
        """Pass on what was printed since the last call, while the run goes on."""
        with self._turn:
            data = self._native.take_output()
            if not data:
                return
            text = printable(data)
            if self._printed < MAX_OUTPUT:
                self._output.append(text)
            self._printed += len(text)
        if self._listener is not None:
            self._listener.printed(self.id, text)

    def answer(self) -> None:
        """If it is idle, tell the cache which shared strings it refers to; else it does so when it collects garbage."""
        if self._busy.acquire(blocking=False):
            try:
                self._native.answer()
            finally:
                self._busy.release()

    # Inside

    @contextmanager
    def _running(self, *, timed: bool = True) -> Iterator[None]:
        refuse_in_child(self._pid, "VM")
        with self._busy:
            with self._turn:
                if self._closing:
                    raise UsageError(f"VM {self.id} is closed")
                self.current = run = _Run(self)
            self.interrupted = False
            try:
                self._watch_budgets(run, self.options.time_budget if timed else None)
                yield
            finally:
                with self._turn:
                    self.current = None
                self._watchdog.over(run)

    @contextmanager
    def _timed_portion(self) -> Iterator[None]:
        if self.options.time_budget is None:
            yield
            return
        self._portion = portion = _Run(self)
        self._watch(portion, REASON_TIME, self.options.time_budget)
        try:
            yield
        finally:
            with self._turn:
                self._portion = None
            self._watchdog.over(portion)

    def _watch_budgets(self, run: _Run, seconds: float | None) -> None:
        self._deadline = float("inf") if seconds is None else time.monotonic() + seconds
        if self.options.instruction_budget is not None:
            # Lua keeps hooks off in finalizers: again and again they are let run, so that it counts there too.
            self._watch(run, REASON_INSTRUCTIONS, COUNT_SECONDS if seconds is None else min(seconds, COUNT_SECONDS))
        elif seconds is not None:
            self._watch(run, REASON_TIME, seconds)

    def _watch(self, run: _Run, reason: int = REASON_PERSON, after: float = 0.0) -> None:
        try:
            self._watchdog.end(run, reason=reason, after=after)
        except RuntimeError:
            raise MoonscopeError(f"VM {self.id} cannot be interrupted: the system gives no thread to do it") from None

    def _run_to_result(self, source: bytes, chunkname: bytes, how: int) -> RunResult:
        started = time.perf_counter()
        with self._running():
            self._native.execute(source, chunkname, how)
            duration = time.perf_counter() - started
            status, values, message, traceback, reason, exit_code = self._native.take_result()
            self.interrupted = interrupted = status == STATUS_INTERRUPTED and reason != REASON_EXIT
            self.drain_output()
            with self._turn:
                output, printed = "".join(self._output), self._printed
                self._output, self._printed = [], 0
        if reason == REASON_EXIT and self._listener is not None:
            self._listener.exited(self.id, exit_code)
        failure = None
        if status != STATUS_OK and not (reason == REASON_EXIT and exit_code == 0):
            failure = LuaFailure(self._reason(reason, exit_code) or printable(message), printable(traceback))
        return RunResult(
            vm=self.id,
            values=tuple(shorten(printable(value)) for value in values),
            output=shorten(output, printed),
            failure=failure,
            interrupted=interrupted,  # that of the VM may be another thread's by now
            duration_ms=duration * 1e3,
        )

    def _reason(self, reason: int, exit_code: int) -> str:
        if reason == REASON_EXIT:
            return f"the script called os.exit with code {exit_code}"
        if reason == REASON_INSTRUCTIONS:
            return f"the instruction budget of {self.options.instruction_budget:,} is used up"
        if reason == REASON_TIME:
            return f"the time budget of {self.options.time_budget:g} s is used up"
        return "interrupted" if reason else ""


def check(options: VMOptions) -> None:
    """Refuse options that cannot hold, before anything is made. Raises UsageError."""
    for root in options.roots:
        if not {";", "?", "\0"}.isdisjoint(root):
            raise UsageError(
                f"the search root {root!r} cannot be used: package.path has no way to write ';', '?' or a zero byte"
            )
    for name, limit in (
        ("memory cap", options.memory_cap),
        ("instruction budget", options.instruction_budget),
        ("time budget", options.time_budget),
    ):
        if limit is not None and not 0 < limit < 1 << 63:
            raise UsageError(f"the {name} must be more than 0, less than 2^63, not {limit}; leave it out for no limit")
    cap = options.memory_cap
    if cap is not None and cap < MIN_MEMORY_CAP:
        raise UsageError(f"the memory cap must be {MIN_MEMORY_CAP:,} bytes or more, not {cap}: a new VM needs them")


def joined(names: Iterable[bytes]) -> bytes:
    """As `LuaVM.load_joined` takes them."""
    return b"\0".join(names)


def shorten(text: str, total: int | None = None, limit: int = MAX_OUTPUT) -> str:
    """The first `limit` characters, with a note of what is missing from the `total`."""
    total = len(text) if total is None else total
    return text if total <= limit else f"{text[:limit]}\n[{total - limit:,} more characters]"


def _search_path(roots: tuple[str, ...]) -> bytes:
    return b"".join(b"%b/?.lua;%b/?/init.lua;" % (root, root) for root in map(to_bytes, roots))
