"""Work that the window does not wait for: requests to the engine, functions in other threads, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Signal, Slot

from moonscope.commands import Command, Holders
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError, NotFoundError
from moonscope.model import Chunk, Context, PrototypeTree

from .engine_link import EngineLink

R = TypeVar("R")
T = TypeVar("T")

Failed = Callable[[MoonscopeError], object]
Condition = Callable[[], bool]

_CONDITION_MS = 100  # from one look at a condition to the next


@dataclass(frozen=True)
class Request(Generic[R]):
    """A command for the engine. One that is `whole` is not cut off when the task is cancelled: its answer tells which
    VMs came of it, or are left."""

    command: Command[R]
    whole: bool = False


@dataclass(frozen=True)
class InThread(Generic[R]):
    """A function that runs in a thread of Qt's pool. It must not touch widgets; its argument takes its progress and
    tells whether it is cancelled."""

    function: Callable[[Context], R]


Steps = Generator[Request[Any] | InThread[Any] | Condition, Any, T]
"""What a task does: yields requests, functions and conditions. It is sent what comes of each, errors are raised where
the step was yielded; it goes on after a condition as soon as that holds."""


def ask(command: Command[R], *, whole: bool = False) -> Steps[R]:
    """One step, a `Request`: `answer = yield from ask(command)`."""
    answer: R = yield Request(command, whole)
    return answer


def holders_of(generations: Iterable[int]) -> Steps[tuple[int, ...]]:
    """The VMs that hold any of these, ascending; generations that are gone meanwhile have none."""
    found: set[int] = set()
    for generation in generations:
        with suppress(NotFoundError):
            found.update((yield from ask(Holders(generation=generation))))
    return tuple(sorted(found))


def in_thread(function: Callable[..., R], *arguments: Any) -> Steps[R]:
    """One step: `result = yield from in_thread(function, argument)`. For functions that do not ask for a context."""
    result: R = yield InThread(lambda context: function(*arguments))
    return result


def read(command: Command[Chunk]) -> Steps[PrototypeTree]:
    """The tree of prototypes in the chunk that is the answer."""
    chunk = yield from ask(command)
    tree: PrototypeTree = yield InThread(partial(_tree_of, chunk))
    return tree


class Task(QObject):
    """Takes steps one after the other, without ever waiting. It can be started again; that ends what is under way.

    Everything but functions in threads is called in the GUI thread.
    """

    changed = Signal()  # how far it is
    ended = Signal()

    _posted = Signal(int, object)  # from another thread: the number of the step, and a function to call

    def __init__(self, parent: QObject | None = None, link: EngineLink | None = None, title: str = "") -> None:
        """Only steps that send requests need a link. `title` tells a person what is done."""
        super().__init__(parent)
        self.title = title
        self.done = self.total = 0  # of the present step, in whatever unit; the total is 0 as long as it is not known
        self.text = ""
        self._link = link
        self._steps: Steps[Any] | None = None
        self._finish: Callable[[Any], object] = lambda result: None
        self._fail: Failed = _raise
        self._serial = 0  # of the present step: what older ones come to is dropped
        self._step: Request[Any] | InThread[Any] | Condition | None = None
        self._answer: Future[Any] | None = None  # of the present request
        self._cancelling = False  # CancelledError is yet to be raised
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)
        self._look = QTimer(self, interval=_CONDITION_MS)
        self._look.timeout.connect(self._check)

    @property
    def is_running(self) -> bool:
        return self._steps is not None

    def start(self, steps: Steps[T], done: Callable[[T], object], failed: Failed | None = None) -> None:
        """Take `steps`. One of `done` and `failed` is called when they end, with their result or the error, unless the
        task is dropped or is a method of a QObject that Qt has deleted. An error without `failed` is raised."""
        self.drop()
        self._steps, self._finish, self._fail = steps, done, failed or _raise
        self._cancelling = False
        self._go(lambda: next(steps))

    def cancel(self) -> None:
        """Raise CancelledError in the steps, which may yet clean up."""
        if self._steps is None:
            return
        self._cancelling = True
        if self._look.isActive():
            self._raise_in_steps(CancelledError("cancelled"))
        elif isinstance(self._step, Request) and not self._step.whole:
            self._cancel_request()

    def drop(self) -> None:
        """Nobody wants the result any more: nothing is called."""
        if self._steps is not None:
            self._cancel_request()
            steps = self._steps
            self._end()
            steps.close()

    # Steps

    def _go(self, resume: Callable[[], Request[Any] | InThread[Any] | Condition]) -> None:
        finish, fail = self._finish, self._fail
        try:
            step = resume()
        except StopIteration as end:
            self._end()
            _call_alive(finish, end.value)
        except MoonscopeError as error:
            self._end()
            _call_alive(fail, error)
        except Exception as error:  # a fault of the steps: whoever waits for them is told, too
            self._end()
            _call_alive(fail, MoonscopeError(f"{type(error).__name__}: {error}"))
            raise
        else:
            self._begin(step)

    def _begin(self, step: Request[Any] | InThread[Any] | Condition) -> None:
        self._serial += 1
        self._step, self._answer = step, None
        self.done, self.total, self.text = 0, 0, ""
        if self._cancelling:
            self._raise_in_steps(CancelledError("cancelled"))
        elif isinstance(step, InThread):
            QThreadPool.globalInstance().start(partial(self._work, step, self._serial))
        elif isinstance(step, Request):
            assert self._link is not None
            self._answer = self._link.send(step.command, partial(self._report, self._serial))
            self._answer.add_done_callback(partial(self._deliver, self._serial))
        else:
            self._look.start()
            self._check()

    @Slot()
    def _check(self) -> None:
        if callable(self._step) and self._step():
            self._look.stop()
            self._send(None)

    def _send(self, answer: object) -> None:
        whole = isinstance(self._step, Request) and self._step.whole
        if self._cancelling and not whole:  # it was too late to cancel the step
            self._raise_in_steps(CancelledError("cancelled"))
        elif self._steps is not None:
            self._go(partial(self._steps.send, answer))

    def _raise_in_steps(self, error: Exception) -> None:
        self._cancelling = False
        self._look.stop()
        if self._steps is not None:
            self._go(partial(self._steps.throw, error))

    def _end(self) -> None:
        self._serial += 1
        self._steps = self._step = self._answer = None
        self._look.stop()
        self.ended.emit()

    def _cancel_request(self) -> None:
        if self._link is not None and self._answer is not None:
            self._link.cancel(self._answer)

    # In other threads

    def _work(self, step: InThread[Any], serial: int) -> None:
        result: Future[Any] = Future()
        context = Context(partial(self._report, serial), lambda: self._cancelling or serial != self._serial)
        try:
            result.set_result(step.function(context))
        except Exception as error:
            result.set_exception(error)
        self._deliver(serial, result)

    def _report(self, serial: int, done: int, total: int, text: str) -> None:
        self._post(serial, partial(self._advance, done, total, text))

    def _deliver(self, serial: int, result: Future[Any]) -> None:
        self._post(serial, partial(self._take, result))

    def _post(self, serial: int, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the window was closed meanwhile
            self._posted.emit(serial, call)

    # From other threads

    @Slot(int, object)
    def _run(self, serial: int, call: Callable[[], None]) -> None:
        if serial == self._serial:
            call()

    def _advance(self, done: int, total: int, text: str) -> None:
        self.done, self.total, self.text = done, total, text
        self.changed.emit()

    def _take(self, result: Future[Any]) -> None:
        try:
            answer = result.result()
        except FutureCancelled:
            self._raise_in_steps(CancelledError("cancelled"))
        except Exception as error:
            self._raise_in_steps(error)
        else:
            self._send(answer)


class Tasks(QObject):
    """What a person started and the engine is asked for: progress, end, and what went wrong. Oldest first."""

    changed = Signal()
    failed = Signal(str, str)  # title, text of the error

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.running: list[Task] = []

    def start(
        self,
        title: str,
        work: Command[R] | Steps[R],
        done: Callable[[R], object] = lambda result: None,
        failed: Failed | None = None,
    ) -> Task:
        """Send a command, or take steps; see `Task.start`. Without `failed`, an error is announced by the signal; a
        cancelled task says nothing."""
        task = Task(self, self._link, title)
        self.running.append(task)
        task.changed.connect(self.changed)
        task.ended.connect(partial(self._remove, task))
        steps: Steps[R] = ask(work) if isinstance(work, Command) else work
        task.start(steps, done, failed or partial(self._announce, title))
        self.changed.emit()
        return task

    def _remove(self, task: Task) -> None:
        self.running.remove(task)
        task.deleteLater()
        self.changed.emit()

    def _announce(self, title: str, error: MoonscopeError) -> None:
        if not isinstance(error, (CancelledError, ConnectionLost)):  # the loss of the host is told once
            self.failed.emit(title, str(error))


def _call_alive(callback: Callable[..., object], value: object) -> None:
    """Call, unless it is a method of a QObject that Qt has deleted meanwhile, or a `partial` of one."""
    method = callback
    while isinstance(method, partial):
        method = method.func
    owner = getattr(method, "__self__", None)
    if not isinstance(owner, QObject) or shiboken6.isValid(owner):
        callback(value)


def _raise(error: MoonscopeError) -> None:
    raise error


def _tree_of(chunk: Chunk, context: Context) -> PrototypeTree:
    from moonscope import bytecode
    from moonscope.bytecode.code import lines_in

    tree = bytecode.read(chunk.dump, chunk.lua, chunk.key, generation=chunk.generation, context=context)
    lines_in(tree.root.code)  # kept there: the GUI thread wants them at once for the listing that it shows first
    return tree
