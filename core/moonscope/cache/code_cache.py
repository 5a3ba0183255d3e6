"""`CodeCache`: the native cache of one Lua with names and types, for the engine and for programs of their own."""

from __future__ import annotations

import fnmatch
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import _native
from ..arguments import check_arguments
from ..errors import NotFoundError, UnsupportedError, UsageError
from ..model import CacheMode, ClearReport, Counters, FileRow, GenerationRow, LuaVersion, Sharing, Tier
from ..model.names import printable, to_bytes, to_text, utf_8
from . import runtime
from .forks import refuse_in_child
from .native_rows import MODES, counters, file_row, generation_row, global_id, native_id

# Run in the runtime that is attached. Without loadlib, or with a library that is gone, it raises.
_JOIN = b"local l, e, t = ... package.loadlib(l, e)(t)"


@check_arguments
class CodeCache:
    """file name → compiled main function, for all VMs of one Lua in this process.

    `sharing` picks the tier (`Sharing.OFF`: files load plainly and are only counted). `allow_binary` lets
    files hold precompiled chunks: only for files you trust, malformed bytecode can crash any Lua. `own` picks
    Moonscope's own runtime (True), lupa's (False), or the own one where it is installed (None).

    `max_bytes` and `max_files` limit what is stored, 0: no limit (see `set_limits`).
    Methods may be called from any thread. Raises UnsupportedError when lupa does not ship that Lua.

    In a child that was forked since it was made, methods raise UsageError; runtimes that are attached go on loading
    through the child's copy.
    """

    def __init__(
        self,
        lua: LuaVersion | str = LuaVersion.LUA54,
        *,
        sharing: Sharing = Sharing.AUTO,
        allow_binary: bool = False,
        own: bool | None = False,
        ids: Iterator[int] | None = None,
        max_bytes: int = 0,
        max_files: int = 0,
    ) -> None:
        self.lua = known_lua(lua)
        self.library = runtime.library(self.lua, own)
        self.release = self.library.release
        self._allow_binary = allow_binary
        self._ids = ids if ids is not None else itertools.count(1)
        self._limits = checked_limits(max_bytes, max_files)
        self._joining = threading.RLock()  # held while a runtime joins, or the cache begins anew
        self._pid = os.getpid()
        self._native = self._new_native(sharing)
        self.tier = Tier(self.native.tier)

    @property
    def native(self) -> _native.Cache:
        """The cache of the C part. Raises UsageError in a child that was forked since this was made."""
        refuse_in_child(self._pid, "cache")
        return self._native

    def begin_anew(self, sharing: Sharing) -> bool:
        """Drop all that is stored and share in another way; False, with nothing done, while there is a VM.

        No generation gets the id of one that was there. Raises UnsupportedError for a tier that cannot be had.
        """
        refuse_in_child(self._pid, "cache")
        with self._joining:
            if self.native.vms():
                return False
            self._native = self._new_native(sharing, self.native.last_generation)
            self.tier = Tier(self.native.tier)
            return True

    def _new_native(self, sharing: Sharing, last_generation: int = 0) -> _native.Cache:
        try:
            return _native.Cache(
                self.library.number,
                tier=Sharing(sharing).value,
                allow_binary=self._allow_binary,
                last_generation=last_generation,
                max_bytes=self._limits[0],
                max_files=self._limits[1],
            )
        except ValueError as error:
            name = self.lua.full_name
            raise UnsupportedError(f"{name} cannot share by {sharing} here: {self.library.why}") from error

    @property
    def limits(self) -> tuple[int, int]:
        """Bytes and files that may be stored; 0: no limit."""
        return self._limits

    def set_limits(self, max_bytes: int = 0, max_files: int = 0) -> None:
        """How much may be stored: bytes of the current generations together, and their number; 0: no limit.

        Over a limit the files that were hit least recently are evicted, the one just stored last. (Of hits that came
        shortly one after the other the order is not known.) VMs that hold one go on running it: what they keep is
        retired, and does not count. Raises UsageError for numbers below 0.
        """
        limits = checked_limits(max_bytes, max_files)
        with self._joining:
            self._limits = limits
            self.native.set_limits(*limits)

    @property
    def evicted(self) -> int:
        """Files that were evicted because of the limits, in all."""
        return self.native.totals().evicted

    def new_id(self) -> int:
        """An id for a VM to come, different from all before."""
        return next(self._ids)

    def attach(self, lua_runtime: Any, *, mode: CacheMode = CacheMode.ON) -> AttachedVM:
        """Let a `LuaRuntime` of the calling program load through this cache (`loadfile`, `dofile`, `require`).

        It must come from the module of this cache's library (`cache.library.module`, for 5.4: `lupa.lua54`) and
        have `package.loadlib`. It joins one cache, once, for its life. Raises UsageError, UnsupportedError.
        """
        refuse_in_child(self._pid, "cache")
        if not self.library.made(lua_runtime):
            kind = f"{type(lua_runtime).__module__}.{type(lua_runtime).__qualname__}"
            raise UsageError(
                f"this cache is for runtimes of {self.library.module.__name__}, this is a {kind}; "
                "`own` (of an Engine: `own_runtime`) chooses between lupa's Lua and Moonscope's own"
            )
        with self._joining:
            record = self.native.prepare(self.new_id(), MODES.index(mode))
            try:
                lua_runtime.execute(_JOIN, os.fsencode(record.library), record.entry.encode(), record.token.encode())
            except Exception as error:  # lupa's LuaError; this file does not import lupa
                record.release()
                message = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error).encode()
                raise UnsupportedError(f"the runtime cannot join the cache: {printable(message)}") from error
        return AttachedVM(record)

    def clear(
        self, keys: Iterable[str] | None = None, *, pattern: str = "", dry_run: bool = False
    ) -> ClearReport:
        """Take files out of the cache: those named by `keys` or matching `pattern` (`*`, `?`, `[…]`); all without both.

        VMs that hold them go on running them. A dry run only tells what would happen.
        """
        chosen = None if keys is None and not pattern else self._choose(keys or (), pattern)
        files, freed, retained, vms = self.native.clear(chosen, dry_run)
        return ClearReport(
            files=files, freed_bytes=freed, retained_bytes=retained, vms_on_old_code=tuple(sorted(vms)), dry_run=dry_run
        )

    def evict(self, *keys: str) -> ClearReport:
        """Take single files out of the cache, by the names VMs gave."""
        return self.clear(keys)

    def _choose(self, keys: Iterable[str], pattern: str) -> list[bytes]:
        chosen = {to_bytes(key) for key in keys}
        if pattern:
            stored = (file.key for file in self.native.files() if file.generation)
            chosen.update(key for key in stored if fnmatch.fnmatchcase(to_text(key), pattern))
        return sorted(chosen)

    def files(self) -> list[FileRow]:
        """All keys that have a generation, and the newest 256 each of those that failed and of those that were
        bypassed. `aliases` and `stale` are the engine's work and left empty here."""
        return [file_row(self.lua, file) for file in self.native.files()]

    def generation(self, generation: int) -> GenerationRow:
        """One row of `generations`. Raises NotFoundError when it is gone."""
        row = self.native.generation(self.native_id(generation))
        if row is None:
            raise self._gone(generation)
        return generation_row(self.lua, row)

    def generations(self) -> list[GenerationRow]:
        """All generations that exist; `prototypes` and `digest` are the engine's work and left empty here.
        See `measure` for what they take."""
        return [generation_row(self.lua, row) for row in self.native.generations()]

    def measure(self) -> None:
        """See to it that `unshared_bytes` and `private_bytes` of all current generations are known; 0 until then."""
        self.native.measure()

    def counters(self) -> Counters:
        """Loads of all VMs, closed ones included."""
        return counters(self.native.totals())

    def payload(self, generation: int) -> bytes:
        """The dumped chunk of a generation. Raises NotFoundError when it is gone."""
        try:
            return self.native.payload(self.native_id(generation))
        except KeyError:
            raise self._gone(generation) from None

    def holders(self, generation: int) -> tuple[int, ...]:
        """Ids of the VMs that hold a generation. Raises NotFoundError when it is gone."""
        own = self.native_id(generation)
        if self.native.generation(own) is None:
            raise self._gone(generation)
        return tuple(sorted(self.native.holders(own)))

    def compile(self, path: str) -> bytes:
        """Compile and dump a file; nothing is stored. Raises UsageError with Lua's own error text."""
        name = to_bytes(path)
        if not Path(os.fsdecode(name)).is_file():
            raise UsageError(f"{path} is not a file")
        try:
            return self.native.compile(name)
        except ValueError as error:
            text = printable(utf_8(str(error)))
            raise UsageError(text if to_text(name) in text else f"{to_text(name)}: {text}") from error

    def id_of(self, native: int) -> int:
        """The public id of a generation of the C part."""
        return global_id(native, self.lua)

    def native_id(self, generation: int) -> int:
        """Its id in the C part. Raises NotFoundError when it cannot be one of this cache."""
        found = native_id(generation)
        if found is None or found[1] is not self.lua:
            raise self._gone(generation)
        return found[0]

    def _gone(self, generation: int) -> NotFoundError:
        return NotFoundError(f"generation {generation} is not stored any more: it was cleared or replaced")


def known_lua(lua: LuaVersion | str) -> LuaVersion:
    """Raises UsageError for a name that no Lua has."""
    try:
        return LuaVersion(lua)
    except ValueError:
        raise UsageError(f"there is no Lua {lua!r}; known are {', '.join(LuaVersion)}") from None


def checked_limits(max_bytes: int, max_files: int) -> tuple[int, int]:
    """Both, if they can be limits of a cache. Raises UsageError."""
    for number, what in ((max_bytes, "bytes"), (max_files, "files")):
        if not 0 <= number < 1 << 63:
            raise UsageError(f"the limit of a cache is a number of {what}, or 0 for none, not {number}")
    return max_bytes, max_files


class AttachedVM:
    """A runtime of the calling program as the cache sees it."""

    def __init__(self, record: _native.VM) -> None:
        self._record = record

    @property
    def id(self) -> int:
        """The number of the VM, as in rows and commands."""
        return self._record.id

    @property
    def mode(self) -> CacheMode:
        """The cache mode, which applies from the next load on. Any thread."""
        return MODES[self._record.mode]

    @mode.setter
    def mode(self, mode: CacheMode) -> None:
        self._record.set_mode(MODES.index(mode))

    @property
    def closed(self) -> bool:
        """Whether the runtime is gone, and with it its hold on generations."""
        return self._record.closed

    def close(self) -> None:
        """Say that the runtime is about to be dropped. Idempotent."""
        self._record.release()
