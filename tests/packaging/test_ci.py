"""The sum that .ci/run prints at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


def summary(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / ".ci/summary.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tests_are_added_up_and_other_steps_count_one(root: Path, tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("ruff 0 1\nwheel 0 60\n")
    (tmp_path / "wheel.xml").write_text(REPORT.format(12, 0, 0, 2))
    done = summary(root, tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "11 passed, 0 failed, 2 skipped"


@pytest.mark.parametrize(
    ("status", "report", "last"),
    [
        ("1", None, "0 passed, 1 failed, 0 skipped"),
        ("1", REPORT.format(10, 2, 1, 0), "7 passed, 3 failed, 0 skipped"),
        ("139", REPORT.format(10, 0, 0, 0), "10 passed, 1 failed, 0 skipped"),  # crashed after its last test
        ("1", "", "0 passed, 1 failed, 0 skipped"),  # crashed while it wrote the report
    ],
)
def test_a_failed_step_is_never_lost(root: Path, tmp_path: Path, status: str, report: str | None, last: str) -> None:
    (tmp_path / "steps").write_text(f"core {status} 1\n")
    if report is not None:
        (tmp_path / "core.xml").write_text(report)
    done = summary(root, tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == last


def test_no_test_at_all_is_a_failure(root: Path, tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("")
    assert summary(root, tmp_path).returncode == 1
