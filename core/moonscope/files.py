"""Finding Lua files, and saying which cannot be loaded before a VM is asked to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from .model import FileFailure
from .names import to_bytes, to_text

NO_VM = 0  # `vm` of failures that no VM had a part in


def find(paths: Iterable[str]) -> tuple[list[bytes], list[FileFailure]]:
    """The files to load, each once, in order; folders are searched for `.lua`, sorted. And what is no file."""
    names: dict[bytes, None] = {}
    failures: list[FileFailure] = []
    for path in paths:
        for name, trouble in _search(to_bytes(path)):
            if trouble:
                failures.append(FileFailure(to_text(name), NO_VM, trouble))
            else:
                names[name] = None
    return list(names), failures


def _search(path: bytes) -> Iterator[tuple[bytes, str]]:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (bytes names)
    except (OSError, ValueError) as error:
        yield path, _words(error)
        return
    if not stat.S_ISDIR(mode):
        yield path, "" if stat.S_ISREG(mode) else "not a regular file"
        return
    unreadable: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=unreadable.append):
        folders.sort()
        for file in sorted(files):
            if file.endswith(b".lua"):
                yield from _search(os.path.join(folder, file))  # noqa: PTH118
    for trouble in unreadable:
        yield trouble.filename if isinstance(trouble.filename, bytes) else path, _words(trouble)


def _words(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
