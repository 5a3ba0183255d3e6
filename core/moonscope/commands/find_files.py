"""Finding Lua files, and saying which cannot be loaded before a VM is asked to."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator

from ..errors import UsageError
from ..model import Context, FileFailure
from ..model.names import to_bytes, to_text

NO_VM = 0  # `vm` of failures that no VM had a part in
_IRREGULAR = "not a regular file"


def find_files(paths: Iterable[str], context: Context) -> tuple[list[bytes], list[FileFailure]]:
    """The files to load, each name once, and what cannot be read.

    Folders are searched for `.lua`, in sorted order, at any depth. Symbolic links to folders are followed, after the
    folders proper, so that a folder is searched once for each path and under its own name where it has one below that
    path. Raises CancelledError between two folders.
    """
    names: dict[bytes, None] = {}
    failures: list[FileFailure] = []
    for path in paths:
        for name, trouble in _search(to_bytes(path), context):
            if trouble:
                failures.append(FileFailure(to_text(name), NO_VM, trouble))
            else:
                names[name] = None
    return list(names), failures


def refuse_irregular(path: bytes) -> None:
    """Raises UsageError for a folder, a pipe or a device; a file that is not there may be in the cache."""
    if _file(path)[1] == _IRREGULAR:
        raise UsageError(f"{to_text(path)} is not a regular file")


def _search(path: bytes, context: Context) -> Iterator[tuple[bytes, str]]:
    """Names of files, each with why it cannot be loaded or ""; of folders only with why they cannot be read."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 (bytes names)
    except (OSError, ValueError) as error:
        yield path, _words(error)
        return
    if not is_folder:
        yield _file(path)
        return
    seen: set[tuple[int, int]] = set()  # device and inode of the folders that were searched
    stack, links = [path], deque[bytes]()
    while stack or links:
        folder = stack.pop() if stack else links.popleft()
        context.check("search folders for files")
        try:
            status = os.stat(folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, _words(error)
            continue
        folders: list[bytes] = []
        for entry in entries:
            try:
                if not entry.is_dir():
                    if entry.name.endswith(b".lua"):
                        yield _file(entry.path)
                    continue
                (links if entry.is_symlink() else folders).append(entry.path)
            except OSError as error:  # a link to itself, or into a folder that may not be entered
                yield entry.path, _words(error)
        stack += reversed(folders)


def _file(path: bytes) -> tuple[bytes, str]:
    try:
        return path, "" if stat.S_ISREG(os.stat(path).st_mode) else _IRREGULAR  # noqa: PTH116
    except (OSError, ValueError) as error:
        return path, _words(error)


def _words(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
