"""Several requests, each depending on the answers before it, written as one function."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from moonscope.errors import MoonscopeError
from moonscope.protocol import AnyCommand

from .jobs import Jobs

T = TypeVar("T")
Steps = Generator[AnyCommand, Any, T]
"""Yields commands and is sent the engine's answers; errors are raised where the command was yielded."""


def take_steps(
    jobs: Jobs,
    title: str,
    steps: Steps[T],
    done: Callable[[T], object],
    failed: Callable[[MoonscopeError], object],
) -> None:
    """Go through `steps` without waiting; `done` gets what they return, `failed` the error that ended them."""

    def go(resume: Callable[[], AnyCommand]) -> None:
        try:
            command = resume()
        except StopIteration as end:
            done(end.value)
        except MoonscopeError as error:
            failed(error)
        else:
            jobs.start(title, command, answered, raised)

    def answered(answer: object) -> None:
        go(lambda: steps.send(answer))

    def raised(error: MoonscopeError) -> None:
        go(lambda: steps.throw(error))

    go(lambda: next(steps))
