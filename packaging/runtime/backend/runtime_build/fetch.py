"""lupa's released source distribution, from wherever pip is configured to find it: an index, a mirror, a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

PIN = Path(__file__).parents[2] / "lupa.txt"

HELP = """\
Moonscope: the runtime is built from lupa's source distribution, which pip could not get (its words are above).
To do: check the network; or point pip at another index (PIP_INDEX_URL), or at a folder that has the file named in
{pin} (PIP_NO_INDEX=1 PIP_FIND_LINKS=folder). A file with another hash than the one there is refused."""


class FetchError(Exception):
    """pip could not get the source distribution, or what it got is not one."""


def fetch_lupa(folder: Path) -> Path:
    """Download the pinned source distribution into `folder` and unpack it there.

    Returns the folder of its sources. Raises FetchError; pip's own words are on stderr.
    """
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(PIN)]
    done = subprocess.run(command, env=environment(), check=False)
    archives = list(folder.glob("lupa-*.tar.gz"))
    if done.returncode != 0 or len(archives) != 1:
        raise FetchError(HELP.format(pin=PIN))
    return unpack(archives[0])


def environment() -> dict[str, str]:
    """The environment for pip: ours, without what the pip that builds *us* tells this process.

    pip asks lupa's setup.py for its name and version. Without LUPA_NO_BUNDLE that compiles two LuaJITs and translates
    the wrapper seven times, before it answers.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("_PYPROJECT_HOOKS_")}
    return ours | {"LUPA_NO_BUNDLE": "true"}


def unpack(archive: Path) -> Path:
    """Unpack beside the archive. Returns the one folder in it."""
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none
        tar.extractall(archive.parent)
    folder = archive.with_name(archive.name.removesuffix(".tar.gz"))
    if not folder.is_dir():
        raise FetchError(f"Moonscope: {archive.name} has no folder {folder.name}; it is no source distribution.")
    return folder
