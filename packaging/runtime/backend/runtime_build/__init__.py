"""The build backend of moonscope-runtime: setuptools, plus a `build_ext` that fetches, edits and compiles lupa.

pyproject.toml names this package twice: as PEP 517 backend (every hook is setuptools' own) and for its `build_ext`.
"""

import warnings

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

from .command import BuildRuntime

__all__ = [
    "BuildRuntime",
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
