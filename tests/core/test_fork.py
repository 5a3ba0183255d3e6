"""Forks of a process that has engines, caches and VMs: a rule, and no deadlock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moonscope.cache.forks import refuse_in_child
from moonscope.errors import UsageError

PROGRAM = Path(__file__).parent / "fork_under_load.py"


@pytest.mark.parametrize("forks", [60, pytest.param(2_000, marks=pytest.mark.slow)])
def test_children_of_a_busy_process_neither_hang_nor_use_what_was_made_before(forks: int, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), str(tmp_path), str(forks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{forks} forks" in done.stdout


def test_what_is_of_this_process_is_not_refused() -> None:
    refuse_in_child(os.getpid(), "engine")
    with pytest.raises(UsageError, match=r"this engine was made in process 1 before a fork; make a new one here"):
        refuse_in_child(1, "engine")
