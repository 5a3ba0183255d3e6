"""Memory that runs out on the Python side, for a short time; longer: `python packaging/native_checks.py python`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "failing_python.py"


@pytest.mark.slow
def test_an_engine_goes_on_after_memory_and_threads_were_short() -> None:
    pytest.importorskip("_testcapi", reason="this Python is built without it")
    command = [sys.executable, str(PROGRAM), "--seconds", "8"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "times: {" in done.stdout
