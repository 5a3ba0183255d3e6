"""`moonscope demo`: a prepared scenario in the real window with the real engine, on copies of the bundled samples.

The scenario is a generator: it does a step, then yields what it waits for. Updates of the engine move it on; nothing
in it sleeps. `--seed` decides which VMs do what.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

import moonscope_resources
from moonscope.commands import Clear, Collect, Command, Interrupt, Load, RunChunk, RunFile, Spawn
from moonscope.errors import MoonscopeError
from moonscope.model import CacheMode, Sharing, VMOptions, VMState

from ..features.files.feature import FilesFeature
from ..features.inspector.feature import InspectorFeature
from ..features.plots.feature import PlotsFeature
from ..link.task import Task, ask
from ..state.settings import WindowSettings
from ..widgets import theme
from . import application as app
from .display import has_display
from .main_window import MainWindow

_STEP_TIMEOUT_MS = 60_000  # for one step

Condition = Callable[[], bool]


class DemoFailed(Exception):
    """The scenario cannot go on; the text says at which step and why."""


class Stage(QObject):
    """Runs a scenario in a window: goes on as soon as what the scenario waits for holds."""

    finished = Signal(str)  # what went wrong, or ""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self._waiting: Condition = lambda: True
        self._failure = ""
        self._steps: Iterator[tuple[str, Condition]] = iter(())
        self._step = "start"
        self._deadline = QTimer(self, singleShot=True, interval=_STEP_TIMEOUT_MS)
        self._deadline.timeout.connect(lambda: self._end(f"{self._step}: took longer than a minute"))
        window.link.updated.connect(self._advance, Qt.ConnectionType.QueuedConnection)  # after the window took it
        window.link.lost.connect(lambda reason, _: self._end(f"{self._step}: {reason}"))

    def play(self, steps: Iterator[tuple[str, Condition]]) -> None:
        """Each step is what it waits for in words, and the condition."""
        self._steps = steps
        self._advance()

    def ask(self, command: Command[Any]) -> Condition:
        """Send a command; the condition holds when it was carried out."""
        answers: list[Any] = []

        def done(answer: object) -> None:
            answers.append(answer)
            self._advance()

        def failed(error: MoonscopeError) -> None:
            self._end(f"{self._step}: {error}")

        Task(self, self.window.link).start(ask(command), done, failed)
        return lambda: bool(answers)

    def samples(self, count: int) -> Condition:
        """Holds when `count` more samples were plotted."""
        history = self.window.feature(PlotsFeature).dock.history
        target = len(history) + count
        return lambda: len(history) >= target

    def _advance(self, *_: object) -> None:
        while self._waiting():
            try:
                self._step, self._waiting = next(self._steps)
            except StopIteration:
                self._end("")
                return
            except OSError as error:
                self._end(f"{self._step}: {error}")
                return
            self._deadline.start()

    def _end(self, failure: str) -> None:
        self._deadline.stop()
        self._steps, self._waiting = iter(()), lambda: False
        self.finished.emit(failure)


def scenario(stage: Stage, folder: Path, seed: int) -> Iterator[tuple[str, Condition]]:
    """What happens: VMs, files, hits, a run, an interrupt, an edit, a partial clear, VMs on old code."""
    window, dice = stage.window, random.Random(seed)
    state, ask = window.state, stage.ask
    paths = tuple(sorted(str(path) for path in folder.rglob("*.lua") if path.parent.name != "scripts"))
    roots = (str(folder),)

    yield "connect", lambda: state.settings is not None
    yield "first samples", stage.samples(4)
    yield "spawn", ask(Spawn(count=6, options=VMOptions(roots=roots)))
    yield "load everywhere", ask(Load(paths=paths))
    yield "watch", stage.samples(8)
    yield "spawn more", ask(Spawn(count=dice.randint(5, 7), options=VMOptions(roots=roots, memory_cap=8 << 20)))
    yield "spawn past the cache", ask(Spawn(options=VMOptions(roots=roots, mode=CacheMode.OFF)))
    yield "load again", ask(Load(paths=paths))
    yield "watch", stage.samples(6)

    ids = sorted(state.vms)
    busy = tuple(dice.sample(ids[:6], 4))
    yield "run a script", ask(RunFile(vms=busy, path=str(folder / "scripts" / "evening.lua")))
    yield "an error", ask(RunChunk(vms=(ids[6],), source='require("config").item("moon cheese")'))
    yield "collect", ask(Collect())
    yield "watch", stage.samples(6)

    endless = ids[-2]
    ended = ask(RunFile(vms=(endless,), path=str(folder / "scripts" / "endless.lua")))
    yield "run endlessly", lambda: endless in state.vms and state.vms[endless].state == VMState.RUNNING
    yield "watch", stage.samples(3)
    yield "interrupt", ask(Interrupt(vms=(endless,)))
    yield "the end of it", ended

    edited = folder / "config.lua"
    _edit(edited, "players = 500", "players = 800")
    yield "stale file", lambda: any(row.stale for row in state.files.values() if row.key == str(edited))
    yield "watch", stage.samples(6)
    yield "clear", ask(Clear(pattern=str(folder / "config.lua")))
    yield "clear", ask(Clear(pattern=str(folder / "game" / "[cm]*.lua")))
    yield "load the new version", ask(Load(paths=(str(edited),), vms=tuple(dice.sample(ids, 3))))
    yield "retired generations", lambda: any(row.retired for row in state.files.values())
    yield "watch", stage.samples(8)
    yield "load what was cleared", ask(Load(paths=paths, vms=tuple(ids[:3])))
    _edit(folder / "events.lua", "handlers = {}", "handlers = {}, emitted = 0")
    yield "watch", stage.samples(6)
    yield "another stale file", lambda: any(row.stale for row in state.files.values())

    chosen = [file_id for file_id, row in state.files.items() if row.key == str(folder / "game" / "world.lua")]
    window.workspace.show_part("prototypes")
    window.feature(FilesFeature).dock.reveal(chosen)
    yield "prototypes", lambda: window.feature(InspectorFeature).dock.current is not None
    window.feature(InspectorFeature).dock.browser.search.setText("tick")
    window.feature(InspectorFeature).dock.browser.find_next()
    yield "the last samples", stage.samples(4)


def _edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 when the scenario or the screenshot failed."""
    options = _parser().parse_args(argv)
    if options.screenshot and not has_display():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        with tempfile.TemporaryDirectory(prefix="ms-") as scratch:
            perform(Path(scratch), options)
    except (DemoFailed, OSError) as error:
        print(f"moonscope demo: {error}", file=sys.stderr)
        return 1
    return 0


def perform(scratch: Path, options: argparse.Namespace) -> None:
    """Play the scenario with files in `scratch`. With a screenshot the window closes then, else when the user wants.

    Raises DemoFailed.
    """
    screenshot: Path | None = options.screenshot
    folder = scratch / "lua"
    shutil.copytree(moonscope_resources.samples(), folder)
    settings = WindowSettings(scratch / "window.ini")  # the user's own are left alone
    settings.theme = options.theme
    window = app.build(settings=settings)
    window.resize(*options.size)
    window.feature(PlotsFeature).dock.set_span(None)
    stage = Stage(window)
    failures: list[str] = []

    def finish(failure: str) -> None:
        if failure:
            failures.append(failure)
        elif screenshot is not None and not window.grab().save(str(screenshot)):
            failures.append(f"{screenshot} was not written: it is no place for a picture, or cannot be written to")
        if failures or screenshot is not None:
            window.close()

    stage.finished.connect(finish)
    window.show()
    window.link.start_host(["--sharing", options.sharing])
    stage.play(scenario(stage, folder, options.seed))
    app.application().exec()
    window.deleteLater()
    if failures:
        raise DemoFailed("; ".join(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moonscope demo", description="A prepared scenario in the real window.")
    parser.add_argument("--screenshot", metavar="OUT.png", type=_picture, help="save a picture at the end, and close")
    parser.add_argument("--size", metavar="WxH", type=_size, default=(1280, 800), help="of the window (1280x800)")
    parser.add_argument("--theme", choices=theme.NAMES, default="dark", help="colours of the window (dark)")
    parser.add_argument("--sharing", choices=[*map(str, Sharing)], default="auto", help="how the VMs share (auto)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="decides which VMs do what (1)")
    return parser


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise argparse.ArgumentTypeError(f"{text!r}: a picture is saved as .png or .jpg")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.absolute().parent}")
    return path


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 640 <= int(width) <= 8000 and 480 <= int(height) <= 8000):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x800 (from 640x480 to 8000x8000)")
    return int(width), int(height)
