"""The real distributions, built once per run by the real backend. They need the repository, not an installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info", "*.so")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository (or the unpacked sdist)."""
    return ROOT


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """The `[project]` table."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clean copy of the sources that a test may change."""
    return copy_sources(tmp_path / "source")


def copy_sources(to: Path) -> Path:
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return to


def build(source: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `python -m build` as a packager does, with the setuptools that is installed; nothing is downloaded."""
    command = [sys.executable, "-m", "build", "--no-isolation", *options]
    return subprocess.run(
        command, cwd=source, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was built *from the sdist*."""
    source = copy_sources(tmp_path_factory.mktemp("distributions") / "source")
    (source / ".venv" / "lib").mkdir(parents=True)  # what a developer's checkout has lying about
    (source / ".venv" / "lib" / "junk.py").write_text("")
    (source / "core" / "moonscope" / "_native" / "_moonscope.old.so").write_bytes(b"old")
    done = build(source)
    assert done.returncode == 0, done.stdout + done.stderr
    return source / "dist"
