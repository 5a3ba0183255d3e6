"""The terminal: results on stdout, moving progress on stderr, and Ctrl-C as a wish."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

Advance = Callable[[int, int, str], None]
"""What `Engine.perform` calls with (done, total, text)."""

UNLIMITED = 10_000  # columns


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # `main` knows that a reader who stops early is no failure


def console(file: TextIO) -> Console:
    """A console that takes text literally: no markup, no emoji codes; lines are broken for terminals only."""
    width = None if file.isatty() else UNLIMITED
    return _Console(file=file, width=width, markup=False, emoji=False, highlight=False)


class Stages:
    """Long work as one moving line per stage, on a terminal only; use with `with`."""

    def __init__(self) -> None:
        screen = console(sys.stderr)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )

    def __enter__(self) -> Stages:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def stage(self, title: str, total: int | None = None) -> Advance:
        """Begin a stage; the result moves it on."""
        task = self._progress.add_task(title, total=total)

        def advance(done: int, total: int, text: str = "") -> None:
            self._progress.update(task, completed=done, total=total)

        return advance


class Interrupts:
    """Ctrl-C as a wish to stop, so that what was done can still be told. A second one stops at once."""

    def __init__(self) -> None:
        self.wanted = False

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True

    def cancelled(self) -> bool:
        """Whether Ctrl+C was pressed."""
        return self.wanted


def cell(text: str, style: str = "") -> Text:
    """Text for a table or tree, shown exactly as it is."""
    return Text(text, style=style, overflow="fold")
