"""What the sdist contains. That a wheel can be built from it alone is shown by test_wheel.py, whose wheel was."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("distributions")]


@pytest.fixture(scope="module")
def names(distributions: Path) -> set[str]:
    """The files, without the folder that holds them all."""
    (file,) = distributions.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def test_has_all_that_building_and_testing_need(names: set[str], root: Path) -> None:
    native = {str(file.relative_to(root)) for file in (root / "core/moonscope/_native").rglob("*.[ch]")}
    assert native and native <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"} <= names
    assert {"tests/conftest.py", "packaging/build_backend/moonscope_build.py", "packaging/build_native.py"} <= names


def test_has_no_junk(names: set[str]) -> None:
    junk = [name for name in names if name.endswith((".so", ".o", ".pyc", ".whl"))]
    junk += [name for name in names if {".venv", "__pycache__", "build", "dist", ".git"} & set(Path(name).parts)]
    assert not junk


def test_never_shadows_the_package_named_packaging(names: set[str]) -> None:
    assert "packaging/__init__.py" not in names
