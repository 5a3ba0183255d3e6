"""The ground rules of tests/conftest.py hold: a test that leaves something behind fails, one that does not passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = {
    "thread": """
        import threading
        import time
        def test():
            threading.Thread(target=time.sleep, args=(5,), name="forgotten").start()
        """,
    "process": """
        import subprocess
        import sys
        started = []
        def test():
            started.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        """,
    "widget": """
        from PySide6.QtWidgets import QWidget
        kept = []
        def test(qapp):
            kept.append(QWidget())
        """,
    "timer": """
        from PySide6.QtCore import QTimer
        kept = []
        def test(qapp):
            kept.append(QTimer())
            kept[0].start(1000)
        """,
    "warning": """
        import warnings
        def test():
            warnings.warn("careful", stacklevel=1)
        """,
    "nothing": """
        import subprocess
        import sys
        import threading
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QMainWindow
        def test(qtbot):
            thread = threading.Thread(target=print)
            thread.start()
            thread.join()
            subprocess.run([sys.executable, "-c", ""], check=True)
            window = QMainWindow()
            window.show()
            timer = QTimer(window)
            timer.start(1000)
            qtbot.addWidget(window)
        """,
}


def run_pytest(root: Path, folder: Path, test: str) -> str:
    rules = (root / "tests/conftest.py").read_text()
    patient = "GRACE_SECONDS = 10.0"
    assert patient in rules
    (folder / "conftest.py").write_text(rules.replace(patient, "GRACE_SECONDS = 0.2"))
    lines = test.strip("\n").splitlines()
    (folder / "test_it.py").write_text("\n".join(line[8:] for line in lines))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(root / "pyproject.toml"),
        "--rootdir",
        str(folder),
        str(folder),
    ]
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leaving", "said"),
    [
        ("thread", "left behind: thread forgotten"),
        ("process", "left behind: process"),
        ("widget", "left behind: <PySide6.QtWidgets.QWidget"),
        ("timer", "left behind: <PySide6.QtCore.QTimer"),
        ("warning", "UserWarning: careful"),
    ],
)
def test_fails_a_test_that_leaves(root: Path, tmp_path: Path, leaving: str, said: str) -> None:
    output = run_pytest(root, tmp_path, TESTS[leaving])
    assert said in output
    assert "1 error" in output or "1 failed" in output


@pytest.mark.slow
def test_passes_a_test_that_cleans_up(root: Path, tmp_path: Path) -> None:
    assert "1 passed" in run_pytest(root, tmp_path, TESTS["nothing"])


def test_nothing_is_the_users_own() -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        assert "ms-" in os.environ[name]
    assert Path(os.environ["XDG_RUNTIME_DIR"]).stat().st_mode & 0o077 == 0
