"""Ground rules of every test: no display, nothing of the user's, and nothing left behind.

- Qt draws off screen unless QT_QPA_PLATFORM says otherwise (tests/window sets it).
- HOME and the XDG folders are empty ones of this run, so settings, layouts and sockets are never the user's.
- A test that leaves a thread, a child process or (when it uses Qt) a window, running timer or thread behind fails.
- Hypothesis has no time limit per example: a test never fails because the machine is busy.

Works without PySide6: the engine's tests run where the window's packages are not installed.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

GRACE_SECONDS = 10.0  # for what is ending already when a test returns

# A short path on purpose: a Unix socket's name has room for about 100 bytes.
_home = Path(tempfile.mkdtemp(prefix="ms-"))


def pytest_configure() -> None:
    """Before any test module is imported, so that Qt and platformdirs see nothing else."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.pop("PYTEST_ADDOPTS", None)  # meant for this run, not for a pytest that a test starts
    os.environ["HOME"] = str(_home)
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ[f"XDG_{name}_HOME"] = str(_home / name.lower())
    runtime = _home / "run"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    hypothesis.settings.register_profile("moonscope", deadline=None, print_blob=True)
    hypothesis.settings.load_profile("moonscope")


def pytest_collection_finish() -> None:
    """What exists before the first test is never garbage: `_leaked_qt` would walk over it after each test."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    shutil.rmtree(_home, ignore_errors=True)


class Obstacle:
    """A C function that no interrupt ends: `source` is Lua that waits for a program, which ends with `remove`."""

    def __init__(self, folder: Path) -> None:
        self._reached, self._removed = folder / "reached", folder / "removed"
        self.source = f"os.execute([[touch {self._reached}; until test -e {self._removed}; do sleep 0.01; done]])"

    def reached(self) -> bool:
        return self._reached.exists()

    def remove(self) -> None:
        self._removed.touch()


@pytest.fixture
def obstacle(tmp_path: Path) -> Iterator[Obstacle]:
    obstacle = Obstacle(tmp_path)
    yield obstacle
    obstacle.remove()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaks. What fixtures of a wider scope started is not counted."""
    uses_qt = "qapp" in request.fixturenames
    threads, children, qt = set(threading.enumerate()), set(_children()), set(_qt_things() if uses_qt else ())
    yield
    leaks = [*_leaked_threads(threads), *_leaked_children(children), *(_leaked_qt(qt) if uses_qt else ())]
    if leaks:
        pytest.fail("left behind: " + "; ".join(leaks), pytrace=False)


def _leaked_threads(before: set[threading.Thread]) -> list[str]:
    leaked = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in leaked:
        thread.join(GRACE_SECONDS)
    return [f"thread {thread.name}" for thread in leaked if thread.is_alive()]


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _leaked_children(before: set[psutil.Process]) -> list[str]:
    started = [child for child in _children() if child not in before and not _belongs_to_multiprocessing(child)]
    _, alive = psutil.wait_procs(started, timeout=GRACE_SECONDS)
    leaked = []
    for child in alive:
        with child.oneshot():
            leaked.append(f"process {child.pid} {' '.join(child.cmdline())}")
        child.kill()
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    return leaked


def _belongs_to_multiprocessing(child: psutil.Process) -> bool:
    """Its resource tracker and fork server live as long as this process, on purpose."""
    try:
        command = " ".join(child.cmdline())
    except psutil.Error:
        return False
    return "multiprocessing.resource_tracker" in command or "multiprocessing.forkserver" in command


def _qt_things() -> dict[object, str]:
    """What Qt keeps alive and a test must end: top-level widgets, active timers, running threads; by address."""
    from PySide6.QtCore import QObject, QThread, QTimer
    from PySide6.QtWidgets import QApplication
    from shiboken6 import getCppPointer, isValid

    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return {}
    objects = [thing for thing in gc.get_objects() if issubclass(type(thing), QTimer | QThread) and isValid(thing)]
    found: list[QObject] = [timer for timer in objects if isinstance(timer, QTimer) and timer.isActive()]
    found += [thread for thread in objects if isinstance(thread, QThread) and thread.isRunning()]
    # Qt's own tool-tip label is a top-level widget that it creates and deletes as it likes.
    found += [w for w in app.topLevelWidgets() if w.parent() is None and w.metaObject().className() != "QTipLabel"]
    return {getCppPointer(thing)[0]: repr(thing) for thing in found if thing is not app.thread()}


def _leaked_qt(before: set[object]) -> list[str]:
    """Carries out what `deleteLater` asked for first, and frees what only reference cycles hold: Qt objects that go
    later than their application crash the interpreter."""
    from PySide6.QtCore import QCoreApplication, QEvent

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    return [name for address, name in _qt_things().items() if address not in before]
