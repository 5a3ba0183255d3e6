"""The shorter of the checks that build the C part in a hostile way; all of them: packaging/native_checks.py --help.

They compile for half a minute, and need the checkout and gcc.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "seconds"), [("tsan", 8), ("programs", 20), ("malloc", 30)])
def test_a_check_passes(check: str, seconds: int) -> None:
    command = [sys.executable, str(ROOT / "packaging" / "native_checks.py"), check, "--seconds", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
