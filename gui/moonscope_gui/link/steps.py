"""Several requests, each depending on the answers before it, written as one function."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, SignalInstance, Slot

from moonscope.commands import Close, Command, Spawn
from moonscope.errors import CancelledError, MoonscopeError

from .jobs import Job, Jobs

R = TypeVar("R")
T = TypeVar("T")
Condition = Callable[[], bool]
_WHOLE = (Spawn, Close)  # are not cut off: it would not be known which VMs came of it, or are left

Steps = Generator[Command[Any] | Condition, Any, T]
"""Yields commands and is sent the engine's answers, errors are raised where the command was yielded; or yields
conditions, and goes on when they hold."""


def ask(command: Command[R]) -> Steps[R]:
    """One step: `answer = yield from ask(command)`."""
    answer: R = yield command
    return answer


class Walk(QObject, Generic[T]):
    """Goes through steps without ever waiting. `done` gets what they return, `failed` the error that ended them.

    Conditions are looked at whenever `updated` is emitted, and after everybody else has seen it.
    """

    def __init__(
        self,
        jobs: Jobs,
        title: str,
        steps: Steps[T],
        done: Callable[[T], object],
        failed: Callable[[MoonscopeError], object],
        updated: SignalInstance | None = None,
    ) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        self._title = title
        self._steps = steps
        self._done = done
        self._failed = failed
        self._step: Command[Any] | Condition | None = None
        self._job: Job | None = None
        self._cancelling = False  # CancelledError is yet to be raised
        self._waiting: Condition | None = None
        if updated is not None:
            updated.connect(self.look, Qt.ConnectionType.QueuedConnection)
        self._go(lambda: next(steps))

    def cancel(self) -> None:
        """Raise CancelledError in the steps, which may yet clean up.

        What must be done as a whole is not cut off: its answer is sent, and the error raised in place of the next step.
        """
        self._cancelling = True
        if self._waiting is not None:
            self._waiting = None
            self._raise(CancelledError("cancelled"))
        elif self._job is not None and not isinstance(self._step, _WHOLE):
            self._job.cancel()

    def _go(self, resume: Callable[[], Command[Any] | Condition]) -> None:
        self._job = None
        try:
            self._step = step = resume()
        except StopIteration as end:
            self._done(end.value)
            self.deleteLater()
        except MoonscopeError as error:
            self._failed(error)
            self.deleteLater()
        except Exception as error:  # a fault of the steps: whoever waits for them is told, too
            self._failed(MoonscopeError(f"{type(error).__name__}: {error}"))
            self.deleteLater()
            raise
        else:
            if self._cancelling:
                self._raise(CancelledError("cancelled"))
            elif callable(step):
                self._waiting = step
                self.look()
            else:
                self._job = self._jobs.start(self._title, step, self._send, self._raise)

    @Slot()
    def look(self) -> None:
        """See whether the condition holds that is waited for."""
        if self._waiting is not None and self._waiting():
            self._waiting = None
            self._send(None)

    def _send(self, answer: object) -> None:
        if self._cancelling and not isinstance(self._step, _WHOLE):  # it was too late for the engine to cancel
            self._raise(CancelledError("cancelled"))
        else:
            self._go(lambda: self._steps.send(answer))

    def _raise(self, error: MoonscopeError) -> None:
        self._cancelling = False
        self._go(lambda: self._steps.throw(error))
