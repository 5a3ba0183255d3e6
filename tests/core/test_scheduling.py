"""Many VMs on few threads: who waits for whom, what grows, and what becomes of a VM that cannot be ended."""

from __future__ import annotations

import _thread
import functools
import gc
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Clear, Close, Command, Inspect, Interrupt, Load, LookInto, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.errors import MoonscopeError, NotFoundError, UsageError
from moonscope.model import InterruptReport, LookStep, StepKind, StuckVM, Update, VMOptions, VMState
from moonscope.vms.pool import VMPool

from ..conftest import Obstacle

DEADLINE = 30.0
ENDLESS = "while true do end"


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    turn = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "never came"
        turn.wait(0.005)


def rows(engine: Engine) -> Update:
    return engine.changes(0)


def spawn(engine: Engine, count: int = 1, **options: object) -> tuple[int, ...]:
    result = engine.perform(Spawn(count=count, options=VMOptions(**options)))  # type: ignore[arg-type]
    return result.vms


class Asked:
    """A command that is carried out in a thread of its own."""

    def __init__(self, engine: Engine, command: Command[Any]) -> None:
        self.outcome: Any = None
        self._engine, self._command = engine, command
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._engine.perform(self._command)
        except MoonscopeError as error:
            self.outcome = error

    def result(self) -> Any:
        self._thread.join(DEADLINE)
        assert self.outcome is not None, f"unanswered: {self._command}"
        return self.outcome


def values(result: Any) -> list[tuple[str, ...]]:
    return [run.values for run in result]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(workers=2, interval=0.02) as engine:
        yield engine


@contextmanager
def stuck(engine: Engine, vm: int, obstacle: Obstacle) -> Iterator[Asked]:
    """The VM is in a C function that no interrupt ends; it returns at the end."""
    asked = Asked(engine, RunChunk(vms=(vm,), source=f"{obstacle.source} {ENDLESS}"))
    wait_for(obstacle.reached)
    wait_for(lambda: any(row.id == vm and row.state is VMState.RUNNING for row in rows(engine).vms))
    try:
        yield asked
    finally:
        obstacle.remove()


def interrupt(engine: Engine, *vms: int) -> InterruptReport:
    return engine.perform(Interrupt(vms=vms))


# Growing


def test_endless_scripts_on_all_workers_do_not_stop_other_vms(engine: Engine) -> None:
    *endless, other = spawn(engine, 9)
    runs = [Asked(engine, RunChunk(vms=(vm,), source=ENDLESS)) for vm in endless]
    assert values(Asked(engine, RunChunk(vms=(other,), source="1 + 1")).result()) == [("2",)]
    wait_for(lambda: [row.state for row in rows(engine).vms].count(VMState.RUNNING) == len(endless))
    assert set(interrupt(engine).ended) == set(endless)
    assert all(run.result()[0].interrupted for run in runs)


@pytest.mark.slow
def test_endless_scripts_in_many_vms_all_go_on(engine: Engine) -> None:
    vms = spawn(engine, 12)
    run = Asked(engine, RunChunk(vms=vms, source="while true do print('.') end"))
    for _ in range(2):
        printed: set[int] = set()
        revision = rows(engine).revision

        def all_have_printed(printed: set[int] = printed, revision: int = revision) -> bool:
            printed.update(event.vm for event in engine.changes(revision).output)
            return printed >= set(vms)

        wait_for(all_have_printed)
    assert set(interrupt(engine).ended) == set(vms)
    run.result()


def test_workers_that_are_not_needed_any_more_end(engine: Engine) -> None:
    threads = threading.active_count()
    vms = spawn(engine, 6)
    run = Asked(engine, RunChunk(vms=vms, source=ENDLESS))
    wait_for(lambda: [row.state for row in rows(engine).vms].count(VMState.RUNNING) == 6)
    assert threading.active_count() >= threads + 4
    interrupt(engine)
    run.result()
    wait_for(lambda: threading.active_count() <= threads)
    assert values(Asked(engine, RunChunk(vms=vms[:1], source="1")).result()) == [("1",)]


def test_short_jobs_start_no_further_workers(engine: Engine) -> None:
    vms = spawn(engine, 50)
    threads = threading.active_count()
    for _ in range(5):
        engine.perform(RunChunk(vms=vms, source="return 1"))
    assert threading.active_count() <= threads


def test_commands_that_run_no_script_go_through_while_scripts_have_all_workers_that_there_may_be(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file.lua"
    file.write_text("return function() end")
    with Engine(max_workers=8, interval=0.02) as engine:
        *endless, other, further = spawn(engine, 10)
        engine.perform(Load(paths=(str(file),), vms=(other,)))
        [generation] = rows(engine).generations
        run = Asked(engine, RunChunk(vms=tuple(endless), source=ENDLESS))
        wait_for(lambda: [row.state for row in rows(engine).vms].count(VMState.RUNNING) == 8)
        beyond = Asked(engine, RunChunk(vms=(other,), source="'in the end'"))
        wait_for(lambda: any(row.queued for row in rows(engine).vms))
        look = LookInto(vm=further, path=(LookStep(StepKind.GLOBALS),))
        assert Asked(engine, look).result().vm == further
        Asked(engine, Inspect(generation=generation.id)).result()
        assert Asked(engine, Close(vms=(further,))).result() == 1
        Asked(engine, Clear()).result()
        assert beyond.outcome is None  # 8 are as many as there may be: it waits for one of them
        assert len(interrupt(engine, endless[0]).ended) == 1
        assert values(beyond.result()) == [('"in the end"',)]
        assert Asked(engine, Close()).result() == 9
        run.result()


def test_a_command_for_many_vms_does_not_hold_up_one_for_another_vm() -> None:
    order: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(vm: int) -> None:
        begun.set()
        assert go_on.wait(DEADLINE)
        order.append(vm)

    pool = VMPool(1, max_workers=1)
    *many, other = pool.spawn(CodeCache(), count=21).vms
    threads = [
        threading.Thread(target=lambda: pool.each(many, "many", lambda vm, _: work(vm.id))),
        threading.Thread(target=lambda: pool.each([other], "one", lambda vm, _: work(vm.id))),
    ]
    threads[0].start()
    assert begun.wait(DEADLINE)
    threads[1].start()
    wait_for(lambda: pool.actors()[-1].jobs)
    go_on.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert order.index(other) <= 2
    assert sorted(order) == sorted([*many, other])
    assert pool.shutdown()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "at least one worker, not 0"),
        ({"workers": 3, "max_workers": 2}, "3 workers and at most 2 of them"),
        ({"max_workers": 0}, "2 workers and at most 0 of them"),
    ],
)
def test_numbers_of_workers_that_cannot_hold(options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Engine(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, -1, 1_000_001, 2**62])
def test_numbers_of_vms_that_nobody_has(engine: Engine, count: int) -> None:
    with pytest.raises(UsageError, match=r"number of VMs to spawn must be 1 – 1,000,000"):
        engine.perform(Spawn(count=count))
    assert rows(engine).vms == ()


# What cannot be ended


def test_an_interrupt_names_what_goes_on_and_interrupting_again_abandons_it(engine: Engine, obstacle: Obstacle) -> None:
    vm, endless, other = spawn(engine, 3)
    with stuck(engine, vm, obstacle) as run:
        spinning = Asked(engine, RunChunk(vms=(endless,), source=ENDLESS))
        wait_for(lambda: [row.state for row in rows(engine).vms].count(VMState.RUNNING) == 2)
        first = interrupt(engine)
        assert first.ended == (endless,)
        assert first.still_running == (StuckVM(vm, "os.execute"),)
        assert first.abandoned == ()
        spinning.result()
        assert vm in [row.id for row in rows(engine).vms]

        second = interrupt(engine, vm)
        assert (second.ended, second.still_running) == ((), ())
        assert second.abandoned == (StuckVM(vm, "os.execute"),)
        [failed] = run.result()
        assert "abandoned" in failed.failure.message
        assert {row.id for row in rows(engine).vms} == {endless, other}
        wait_for(lambda: rows(engine).samples[-1].abandoned_vms == 1)
        assert rows(engine).samples[-1].abandoned_bytes > 10_000
        with pytest.raises(NotFoundError):
            interrupt(engine, vm)
        assert values(engine.perform(RunChunk(vms=(), source="'works'"))) == [('"works"',)] * 2
    wait_for(lambda: rows(engine).samples[-1].abandoned_vms == 0)  # it returned after all
    assert rows(engine).samples[-1].abandoned_bytes == 0
    assert rows(engine).samples[-1].vms == 2


def test_an_abandoned_vm_keeps_its_generations(engine: Engine, obstacle: Obstacle, tmp_path: Path) -> None:
    file = tmp_path / "file.lua"
    file.write_text("return 1")
    [vm] = spawn(engine)
    engine.perform(Load(paths=(str(file),)))
    with stuck(engine, vm, obstacle):
        interrupt(engine, vm)
        interrupt(engine, vm)
        engine.perform(Clear())
        assert [row.holders for row in rows(engine).generations] == [1]
    wait_for(lambda: not engine.cache().generations())


def test_all_workers_in_c_functions_are_replaced_once_their_vms_are_abandoned(obstacle: Obstacle) -> None:
    with Engine(workers=1, max_workers=1, interval=0.02) as engine:
        vm, other = spawn(engine, 2)
        with stuck(engine, vm, obstacle):
            waiting = Asked(engine, RunChunk(vms=(other,), source="1"))
            interrupt(engine, vm)
            interrupt(engine, vm)
            assert values(waiting.result()) == [("1",)]


def test_closing_a_vm_that_cannot_be_ended_says_so_and_closing_it_again_abandons_it(
    engine: Engine, obstacle: Obstacle
) -> None:
    vm, _ = spawn(engine, 2)
    with stuck(engine, vm, obstacle):
        with pytest.raises(MoonscopeError, match=rf"VM {vm} is inside os.execute and cannot be ended"):
            engine.perform(Close())
        assert [row.id for row in rows(engine).vms] == [vm]  # the other one is closed
        assert engine.perform(Close()) == 1
        assert rows(engine).vms == ()
        wait_for(lambda: rows(engine).samples[-1].abandoned_vms == 1)
    wait_for(lambda: rows(engine).samples[-1].vms == 0)


def test_closing_a_vm_that_an_interrupt_could_not_end_abandons_it(engine: Engine, obstacle: Obstacle) -> None:
    vm, other = spawn(engine, 2)
    with stuck(engine, vm, obstacle) as run:
        assert interrupt(engine, vm).still_running == (StuckVM(vm, "os.execute"),)
        assert {row.id: row.stuck for row in rows(engine).vms} == {vm: "os.execute", other: ""}
        assert engine.perform(Close(vms=(vm,))) == 1
        [failed] = run.result()
        assert "abandoned" in failed.failure.message
        assert [row.id for row in rows(engine).vms] == [other]
        wait_for(lambda: rows(engine).samples[-1].abandoned_vms == 1)
        assert rows(engine).samples[-1].vms == 1
    wait_for(lambda: rows(engine).samples[-1].abandoned_vms == 0)


def test_a_vm_that_could_not_be_closed_is_closed_when_its_function_returns(engine: Engine, obstacle: Obstacle) -> None:
    [vm] = spawn(engine)
    with stuck(engine, vm, obstacle), pytest.raises(MoonscopeError, match="cannot be ended"):
        engine.perform(Close(vms=(vm,)))
    wait_for(lambda: rows(engine).vms == ())


@pytest.mark.slow
def test_an_engine_with_a_vm_that_cannot_be_ended_can_be_closed(obstacle: Obstacle) -> None:
    pool = VMPool()
    [vm] = pool.spawn(CodeCache()).vms
    errors: list[object] = []
    runner = threading.Thread(
        target=lambda: errors.extend(pool.each([vm], "open", lambda vm, _: vm.run(obstacle.source)).values())
    )
    runner.start()
    wait_for(obstacle.reached)
    assert not pool.shutdown(timeout=0.1)
    runner.join(DEADLINE)
    assert ["abandoned" in str(error) for error in errors] == [True]
    assert not pool.shutdown()
    obstacle.remove()
    wait_for(lambda: not pool.abandoned())


# Ctrl-C, and engines that are dropped


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests were started in the background, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("command", ["run", "spawn"])
def test_ctrl_c_ends_what_runs_and_drops_what_waits(command: str) -> None:
    with Engine(workers=1, max_workers=1, interval=0.02) as engine:
        spawn(engine, 3)

        def press() -> None:
            wait_for(lambda: any(row.task for row in rows(engine).vms))
            _thread.interrupt_main()

        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            if command == "run":
                engine.perform(RunChunk(vms=(), source=ENDLESS))
            else:
                engine.perform(Spawn(count=3, options=VMOptions(boot=ENDLESS)))
        presser.join(DEADLINE)
        wait_for(lambda: [(row.task, row.queued) for row in rows(engine).vms] == [("", 0)] * 3)
        assert values(engine.perform(RunChunk(vms=(), source="1"))) == [("1",)] * 3


def test_engines_that_are_dropped_end_their_threads_and_say_that_they_were_not_closed() -> None:
    threads = threading.active_count()
    with pytest.warns(ResourceWarning, match="an Engine was dropped that is not closed"):
        for _ in range(10):
            engine = Engine()
            spawn(engine, 2)
            gone = weakref.ref(engine)
            del engine
            gc.collect()
            assert gone() is None
    wait_for(lambda: threading.active_count() <= threads)


def test_an_engine_is_dropped_while_a_script_runs() -> None:
    threads = threading.active_count()
    engine = Engine(interval=0.02)
    vms = spawn(engine, 2)
    run = functools.partial(engine._pool.each, vms, "run", lambda vm, _: vm.run(ENDLESS))
    asked = threading.Thread(target=run)
    asked.start()
    with pytest.warns(ResourceWarning):
        del engine
        gc.collect()
    asked.join(DEADLINE)
    wait_for(lambda: threading.active_count() <= threads)


# Threads that cannot be started


class NoThreads:
    """While in force, starting a thread fails, as it does when the system gives no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    @contextmanager
    def __call__(self, after: int = 0, named: str = "") -> Iterator[list[str]]:
        """Only threads whose name begins with `named`, after the first `after` of them. Gives the names of those that
        could not be started."""
        start, left = threading.Thread.start, after
        failed: list[str] = []

        def fail(thread: threading.Thread) -> None:
            nonlocal left
            left -= thread.name.startswith(named)
            if left < 0 and thread.name.startswith(named):
                failed.append(thread.name)
                raise RuntimeError("can't start new thread")
            start(thread)

        with self._monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            yield failed


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> NoThreads:
    return NoThreads(monkeypatch)


@pytest.mark.parametrize("after", range(4))
def test_an_engine_whose_threads_cannot_be_started_says_so_and_leaves_nothing(
    no_threads: NoThreads, after: int
) -> None:
    threads = threading.active_count()
    with no_threads(after), pytest.raises(UsageError, match="thread"):
        Engine(workers=2)
    assert threading.active_count() == threads
    with Engine() as engine:
        spawn(engine)


def test_an_engine_needs_no_further_thread_to_interrupt_and_to_time(engine: Engine, no_threads: NoThreads) -> None:
    endless, timed = spawn(engine)[0], spawn(engine, time_budget=0.05)[0]
    run = Asked(engine, RunChunk(vms=(endless,), source=ENDLESS))
    wait_for(lambda: any(row.state is VMState.RUNNING for row in rows(engine).vms))
    with no_threads():
        [result] = engine.perform(RunChunk(vms=(timed,), source=ENDLESS))
        assert "time budget" in result.failure.message
        assert interrupt(engine).ended == (endless,)
    run.result()


def test_workers_grow_once_threads_can_be_had_again(no_threads: NoThreads) -> None:
    with Engine(workers=1, interval=0.02) as engine:
        endless, other = spawn(engine, 2)
        with no_threads(named="moonscope-worker") as failed:
            run = Asked(engine, RunChunk(vms=(endless,), source=ENDLESS))
            wait_for(lambda: any(row.state is VMState.RUNNING for row in rows(engine).vms))
            waiting = Asked(engine, RunChunk(vms=(other,), source="1"))
            wait_for(lambda: failed)
            assert waiting.outcome is None
        assert values(waiting.result()) == [("1",)]
        interrupt(engine)
        run.result()


def test_a_vm_of_its_own_that_cannot_be_watched_says_so_and_can_be_used_after(no_threads: NoThreads) -> None:
    from moonscope.vms.vm import LuaVM

    vm = LuaVM(CodeCache(), VMOptions(time_budget=0.05))
    with no_threads(), pytest.raises(MoonscopeError, match="cannot be interrupted: the system gives no thread"):
        vm.run(ENDLESS)
    result = vm.run(ENDLESS)
    assert result.failure is not None
    assert "time budget" in result.failure.message
    vm.close()
