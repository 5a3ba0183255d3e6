"""The build backend: setuptools, plus a `build_ext` that knows the C part of Moonscope.

pyproject.toml names this module twice: as PEP 517 backend (every hook is setuptools' own) and as the class of
`build_ext`. The class adds what a static table cannot say: the C files that are there, the platform's linker
options, sanitizers on request, and words instead of a traceback when something needed is not installed.

    MOONSCOPE_SANITIZE=address,undefined    build the C part with these sanitizers (also: thread)
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import warnings
from pathlib import Path

from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

__all__ = [
    "BuildNative",
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

# setuptools announces on every build that its table for C extensions in pyproject.toml may still change.
warnings.filterwarnings("ignore", message=".*ext-modules.* is still \\*experimental")

SANITIZERS = {"address", "undefined", "thread"}


class BuildNative(build_ext):
    """`build_ext` for `moonscope._native._moonscope`."""

    def finalize_options(self) -> None:
        super().finalize_options()
        sanitize = sanitizer_flags(os.environ.get("MOONSCOPE_SANITIZE", ""))
        for extension in self.extensions:
            extension.sources = sorted(str(file) for pattern in extension.sources for file in Path().glob(pattern))
            headers = (header for folder in extension.include_dirs for header in Path(folder).rglob("*.h"))
            extension.depends = sorted(map(str, headers))
            extension.extra_compile_args += sanitize
            extension.extra_link_args += sanitize
            if sys.platform == "linux":
                # -Bsymbolic: several libraries of the process export lua_*; our own calls stay our own.
                extension.extra_link_args += ["-Wl,-Bsymbolic", "-ldl"]

    def build_extensions(self) -> None:
        include = [*self.compiler.include_dirs, sysconfig.get_path("include")]
        if problem := missing(self.compiler.compiler_so[0], include):
            raise SystemExit(problem)
        try:
            super().build_extensions()
        except (CompileError, LinkError) as error:
            raise SystemExit(
                f"Moonscope: the C part (core/moonscope/_native) did not compile: {error}\n"
                f"The compiler's own words are above. If it misses a header of the system: {advice()}"
            ) from None


def missing(compiler: str, include: list[str]) -> str:
    """What is not installed and how to get it, in words; empty when all that a build needs is there."""
    if shutil.which(compiler) is None:
        return f"Moonscope: no C compiler found ('{compiler}'); the C part of Moonscope needs one.\nTo do: {advice()}"
    if not any(Path(folder, "Python.h").is_file() for folder in include):
        return (
            f"Moonscope: Python.h, the C header of Python {sysconfig.get_python_version()}, was not found in "
            f"{', '.join(include)}.\nTo do: {advice()}"
        )
    return ""


def advice() -> str:
    """What to run on this system to get a C compiler and Python's headers."""
    if sys.platform == "darwin":
        return "xcode-select --install"
    if sys.platform == "win32":
        return "use Linux or macOS; Windows is not supported (see README.md, Limits)."
    return "apt install gcc python3-dev    (Debian, Ubuntu; elsewhere the packages of the same purpose)"


def sanitizer_flags(names: str) -> list[str]:
    """Flags for a comma-separated list of sanitizers; SystemExit for one that is not known."""
    if not names:
        return []
    if unknown := set(names.split(",")) - SANITIZERS:
        raise SystemExit(f"MOONSCOPE_SANITIZE: unknown {sorted(unknown)}; known are {sorted(SANITIZERS)}")
    return [f"-fsanitize={names}", "-fno-omit-frame-pointer", "-g"]
