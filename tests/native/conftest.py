"""C files of the engine that need no Lua and no Python, compiled for themselves."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "core" / "moonscope" / "_native"

Compile = Callable[[str], ctypes.CDLL]


def compiler() -> list[str]:
    """The command of the C compiler. Skips the test where there is none."""
    command = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return command


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """A function that makes a library of one file. Skips where there is no compiler."""

    def compile_one(name: str) -> ctypes.CDLL:
        library = tmp_path_factory.mktemp("native") / f"{Path(name).name}.so"
        command = [*compiler(), "-std=c11", "-shared", "-fPIC", f"-I{NATIVE}", str(NATIVE / name), "-o", str(library)]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))

    return compile_one
