"""The shorter of the checks that build the C part in a hostile way; all of them: packaging/native_checks.py --help.

They compile for half a minute, so they run where MOONSCOPE_NATIVE is set (CI), and need the checkout and gcc.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COMPILES = "compiles for half a minute: set MOONSCOPE_NATIVE=1"

pytestmark = pytest.mark.skipif(not os.environ.get("MOONSCOPE_NATIVE"), reason=COMPILES)


@pytest.mark.parametrize(("check", "seconds"), [("tsan", 8), ("programs", 20), ("malloc", 60), ("cycles", 60)])
def test_a_check_passes(check: str, seconds: int) -> None:
    command = [sys.executable, str(ROOT / "packaging" / "native_checks.py"), check, "--seconds", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
