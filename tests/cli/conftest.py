"""The command line is tested as it is used: by starting it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SECONDS = 120  # a deadline for hangs, not a measure of speed

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def moonscope(tmp_path: Path) -> Command:
    """Run `moonscope ARGUMENTS…` in an empty folder, which is `tmp_path`; what it wrote is text."""

    def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "moonscope", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": _absolute_path(), **(env or {})},
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )

    return run


def _absolute_path() -> str:
    """PYTHONPATH as given to the tests; relative entries must hold in another folder too."""
    entries = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(str(Path(entry).absolute()) for entry in entries.split(os.pathsep) if entry)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Twelve small modules in two folders: 36 prototypes (each has a main function and two more)."""
    root = tmp_path / "library"
    for number in range(12):
        folder = root / ("inner" if number % 2 else ".")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module{number}.lua").write_text(
            f"local M = {{}}\nfunction M.first(x) return x + {number} end\n"
            f"function M.second(...) return select('#', ...), 'module {number}' end\nreturn M\n"
        )
    return root
