"""The measurements that only C can make: a cached load against a bare undump of the same bytes, in one VM.

`_moonscope.bench` makes a state of its own, stores the files in the cache (those that do not compile are left out)
and gives, for each round, the ns one file costs on average, the three taken in turn within the round:

    bare undump     the stored payload loaded from memory, the function dropped at once
    cached load     a hit, with counters and events
    quiet load      the same with counters and events left out
"""

from __future__ import annotations

from collections.abc import Sequence

from .._native import _moonscope
from ..cache import CodeCache
from ..errors import UnsupportedError
from ..model import LuaVersion, Sharing
from .measure import Measure


def measure_native(lua: LuaVersion, names: Sequence[bytes], rounds: int) -> list[Measure]:
    """Raises UnsupportedError when none of the files compiles."""
    try:
        taken = _moonscope.bench(CodeCache(lua, sharing=Sharing.BYTECODE).native, list(names), rounds)
    except ValueError as error:
        raise UnsupportedError(f"nothing to measure: {error}") from error
    return [
        Measure("cached load / bare undump of the same bytes", "<=", 1.1, [hit / bare for bare, hit, _ in taken]),
        Measure("hit with counters and events / without", "<=", 1.03, [hit / quiet for _, hit, quiet in taken]),
    ]
