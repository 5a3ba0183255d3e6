"""The disk against the cache: files that changed since they were compiled, and keys that name one file twice.

Looked at from time to time and in portions, never when a VM loads a file: a hit does not touch the disk.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque

from msgspec import Struct

from ..model import GenerationRow, GenerationState, LuaVersion
from ..model.names import to_bytes
from .heap import fitted

PORTION, SECONDS = 1_000, 0.01  # files looked at per round, and the CPU time after which it ends
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
        self._seen: dict[int, _Seen] = {}  # current generations
        self._turn: deque[int] = deque()  # their ids, and some of those that are gone
        self._same: dict[tuple[LuaVersion, tuple[int, int]], set[int]] = {}  # by identity
        self._digests: dict[int, str] = {}  # of retired generations too
        self._changed: set[int] = set()

    def state(self, generation: int) -> State:
        """What is known of a current generation; (0, "") until it was looked at."""
        seen = self._seen.get(generation)
        if seen is None:
            return 0, ""
        same = self._same.get((seen.generation.lua, seen.identity), ()) if seen.identity else ()
        return max(len(same) - 1, 0), seen.stale

    def digest(self, generation: int) -> str:
        """Of its source, SHA-256 in hex; "" until it was looked at."""
        return self._digests.get(generation, "")

    def take_changed(self) -> set[int]:
        """Generations of which `state` or `digest` may be different than when this was called last."""
        changed, self._changed = self._changed, set()
        self._seen, self._same, self._digests = fitted(self._seen), fitted(self._same), fitted(self._digests)
        return changed

    def update(self, generation: GenerationRow) -> None:
        """There is this generation, or it is retired."""
        id = generation.id
        if generation.state is not GenerationState.CURRENT:
            self._leave(id)
        elif generation.path and id not in self._seen:
            self._seen[id] = _Seen(generation)
            self._turn.append(id)

    def remove(self, generation: int) -> None:
        """The generation is gone."""
        self._leave(generation)
        self._digests.pop(generation, None)

    def look(self) -> None:
        """One round: the portion of the current generations that was not looked at for longest."""
        left, end = MAX_READ, time.thread_time() + SECONDS
        for _ in range(min(PORTION, len(self._turn))):
            if time.thread_time() > end:
                break
            self._turn.rotate(-1)
            seen = self._seen.get(id := self._turn[-1])
            if seen is None:
                self._turn.pop()
                continue
            before = seen.identity, seen.stale, seen.digest
            try:
                left -= _compare(seen, left)
                if before != (seen.identity, seen.stale, seen.digest):
                    self._note(id, seen, before[0])
            except MemoryError:  # nobody was told: it is to be found once more
                seen.identity, seen.stale, seen.digest = before
                seen.version = None
                raise

    def _note(self, id: int, seen: _Seen, identity: tuple[int, int] | None) -> None:
        self._changed.add(id)
        if seen.digest:
            self._digests[id] = seen.digest
        if identity != seen.identity:
            if seen.identity is not None:
                same = self._same.setdefault((seen.generation.lua, seen.identity), set())
                same.add(id)
                self._changed |= same
            self._part(id, seen.generation.lua, identity)

    def _part(self, id: int, lua: LuaVersion, identity: tuple[int, int] | None) -> None:
        """The generation is not one of that file any more."""
        if identity is None:
            return
        same = self._same.get((lua, identity), set())
        self._changed |= same
        same.discard(id)
        if not same:
            self._same.pop((lua, identity), None)

    def _leave(self, id: int) -> None:
        seen = self._seen.pop(id, None)
        if seen is not None:
            self._part(id, seen.generation.lua, seen.identity)


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
