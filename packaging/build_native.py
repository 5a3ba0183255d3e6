"""Build the C part in place, for developers: `python packaging/build_native.py`.

The library appears as core/moonscope/_native/_moonscope*.so, where an editable install (or PYTHONPATH=core) finds it.
Same settings as the wheel: pyproject.toml and the backend. Needs setuptools >= 77 (in the `dev` extra).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "packaging" / "build_backend"))

try:
    import setuptools

    if int(setuptools.__version__.partition(".")[0]) < 77:
        raise ImportError(f"setuptools {setuptools.__version__} is too old")
except ImportError as error:
    raise SystemExit(f"{error}. To do: {sys.executable} -m pip install -U setuptools") from None

import moonscope_build  # noqa: E402, F401  pyproject.toml names it; it also silences a notice of setuptools


def main() -> None:
    os.chdir(ROOT)
    setuptools.setup(script_args=["-q", "build_ext", "--inplace", "--force", *sys.argv[1:]])


if __name__ == "__main__":
    main()
