"""The workloads that need no build of their own, in short; packaging/native_checks.py runs them for longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    "workload",
    [
        ("attacker.py", "--seconds", "6"),
        ("age.py", "--reloads", "500"),
        ("words.py", "--words", "1000000"),
        ("cycles.py", "--seconds", "40"),
    ],
    ids=lambda w: w[0],
)
def test_a_workload_passes(workload: tuple[str, str, str]) -> None:
    name, *arguments = workload
    command = [sys.executable, str(FOLDER / name), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
