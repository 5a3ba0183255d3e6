"""The prototype trees of generations, packed: the last ones asked for are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from .model.packed import PackedTree

MOST = 32 * 1024 * 1024  # bytes of packed trees that are kept; a generation never changes


class Trees:
    """Safe to be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, PackedTree] = OrderedDict()
        self._size = 0

    def get(self, generation: int, make: Callable[[], PackedTree]) -> PackedTree:
        """That of a generation; `make` reads it when it is not kept."""
        with self._lock:
            found = self._kept.get(generation)
            if found is not None:
                self._kept.move_to_end(generation)
                return found
        made = make()
        with self._lock:
            if generation not in self._kept:
                self._kept[generation] = made
                self._size += made.size
            while self._size > MOST:
                _, dropped = self._kept.popitem(last=False)
                self._size -= dropped.size
        return made
