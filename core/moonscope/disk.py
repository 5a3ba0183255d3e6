"""The disk against the cache: files that changed since they were compiled, and keys that name one file twice.

Looked at from time to time and in portions, never when a VM loads a file: a hit does not touch the disk.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Iterable

from msgspec import Struct

from .model import GenerationRow, GenerationState
from .names import to_bytes

PORTION = 1_000  # files looked at per round
MAX_READ = 8 << 20  # bytes of files read and compared per round; of a larger file only inode, size and mtime count

State = tuple[int, str]  # aliases, and "", "changed" or "deleted", as in FileRow


class _Seen(Struct):
    """One current generation: what it was compiled from, and what is on the disk in its place."""

    generation: GenerationRow
    identity: tuple[int, int] | None = None  # device, inode
    version: tuple[int, int, int] | None = None  # inode, mtime in ns, size: looked at in this state
    digest: str = ""  # of the source, SHA-256 in hex; known once the file was read as it was compiled
    stale: str = ""


class Disk:
    """For one caller at a time."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._turn: deque[int] = deque()
        self._states: dict[int, State] = {}
        self._digests: dict[int, str] = {}  # of retired generations too

    def state(self, generation: int) -> State:
        """What is known of a current generation; (0, "") until it was looked at."""
        return self._states.get(generation, (0, ""))

    def digest(self, generation: int) -> str:
        """Of its source, SHA-256 in hex; "" until it was looked at."""
        return self._digests.get(generation, "")

    def look(self, generations: Iterable[GenerationRow]) -> None:
        """One round: the portion of the current generations that was not looked at for longest."""
        rows = {row.id: row for row in generations}
        current = {id: row for id, row in rows.items() if row.state is GenerationState.CURRENT and row.path}
        self._seen = {id: self._seen.get(id) or _Seen(row) for id, row in current.items()}
        waiting = set(self._turn)
        self._turn.extend(id for id in current if id not in waiting)
        left = MAX_READ
        for _ in range(min(PORTION, len(self._turn))):
            id = self._turn.popleft()
            if id in self._seen:
                self._turn.append(id)
                left -= _compare(self._seen[id], left)
        same = Counter((seen.generation.lua, seen.identity) for seen in self._seen.values() if seen.identity)
        self._states = {
            id: (same[seen.generation.lua, seen.identity] - 1 if seen.identity else 0, seen.stale)
            for id, seen in self._seen.items()
        }
        self._digests = {id: digest for id, digest in self._digests.items() if id in rows}
        self._digests.update((id, seen.digest) for id, seen in self._seen.items())


def _compare(seen: _Seen, may_read: int) -> int:
    """Look at one file. Returns the bytes read; what would be too much to read now is left for the next round."""
    compiled = seen.generation
    path = os.fsdecode(to_bytes(compiled.path))
    try:
        found = os.stat(path)  # noqa: PTH116 (three fields of one call)
    except OSError:
        seen.identity, seen.version, seen.stale = None, None, "deleted"
        return 0
    seen.identity = (found.st_dev, found.st_ino)
    version = (found.st_ino, found.st_mtime_ns, found.st_size)
    same_size = found.st_size == compiled.source_bytes
    as_compiled = same_size and found.st_ino == compiled.inode and abs(found.st_mtime - compiled.mtime) < 1e-6
    if version == seen.version:
        return 0
    comparable = same_size and (as_compiled or seen.digest) and found.st_size <= MAX_READ
    if comparable and found.st_size > may_read:
        return 0
    digest = _digest(path) if comparable else ""
    if digest:
        seen.digest = seen.digest or digest
        as_compiled = digest == seen.digest
    seen.version, seen.stale = version, "" if as_compiled else "changed"
    return found.st_size if digest else 0


def _digest(path: str) -> str:
    """ "" for a file that cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
