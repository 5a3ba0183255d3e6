"""The C part: the cache, its lock-free lookups, and what runs inside a VM. Typed in `_moonscope.pyi`.

`cache/` is what all VMs share, `lua/` what runs in one of them; only `python/` knows Python.
"""

from ._moonscope import *  # noqa: F403
