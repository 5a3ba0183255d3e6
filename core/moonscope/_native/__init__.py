"""The C part: the cache, its lock-free lookups, and what runs inside a VM. Typed in `_moonscope.pyi`."""

from ._moonscope import LUAS, VM, Cache, bind, heap_free, heap_trim

__all__ = ["LUAS", "VM", "Cache", "bind", "heap_free", "heap_trim"]
