"""The C part: the cache, its lock-free lookups, and what runs inside a VM. Typed in `_moonscope.pyi`."""

from ._moonscope import *  # noqa: F403
