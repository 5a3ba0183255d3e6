"""Building without what the C part needs: what is missing, and what to do, instead of a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import build

TO_DO = "xcode-select --install" if sys.platform == "darwin" else "apt install gcc python3-dev"


@pytest.mark.slow
def test_no_compiler(source: Path, tmp_path: Path) -> None:
    done = build(source, "--wheel", env={"CC": "", "PATH": str(tmp_path)})
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "no C compiler found" in said
    assert TO_DO in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_compiler_that_is_not_there_is_named(source: Path) -> None:
    done = build(source, "--wheel", env={"CC": "/nowhere/my-cc"})
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "/nowhere/my-cc" in said
    assert TO_DO in said
    assert "Traceback" not in said


def test_no_python_header(root: Path, tmp_path: Path) -> None:
    question = "import moonscope_build, sys; print(moonscope_build.missing(sys.executable, [sys.argv[1]]))"
    said = subprocess.run(
        [sys.executable, "-c", question, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root / "packaging/build_backend")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Python.h" in said
    assert str(tmp_path) in said
    assert TO_DO in said


@pytest.mark.slow
def test_c_code_that_does_not_compile_shows_the_compilers_words(source: Path) -> None:
    (source / "core/moonscope/_native/cache/broken.c").write_text("int broken( {\n")
    done = build(source, "--wheel")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "broken.c:1" in said
    assert "did not compile" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["adress", "address,adress"])
def test_an_unknown_sanitizer_is_refused(source: Path, name: str) -> None:
    done = build(source, "--wheel", env={"MOONSCOPE_SANITIZE": name})
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "MOONSCOPE_SANITIZE" in said and "adress" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_building_in_place_puts_the_library_where_python_finds_it(source: Path) -> None:
    subprocess.run([sys.executable, "packaging/build_native.py"], cwd=source, check=True, capture_output=True)
    question = "import moonscope._native._moonscope as native; print(native.__file__)"
    env = {**os.environ, "PYTHONPATH": str(source / "core")}
    found = subprocess.check_output([sys.executable, "-c", question], cwd=source, env=env, text=True)
    assert Path(found.strip()).parent == source / "core/moonscope/_native"
