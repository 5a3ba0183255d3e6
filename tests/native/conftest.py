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


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """A function that makes a library of one file. Skips where there is no compiler."""

    def compile_one(name: str) -> ctypes.CDLL:
        compiler = shlex.split(os.environ.get("CC") or "cc")
        if shutil.which(compiler[0]) is None:
            pytest.skip(f"{compiler[0]} is not installed")
        library = tmp_path_factory.mktemp("native") / f"{name}.so"
        subprocess.run([*compiler, "-std=c11", "-shared", "-fPIC", str(NATIVE / name), "-o", str(library)], check=True)
        return ctypes.CDLL(str(library))

    return compile_one
