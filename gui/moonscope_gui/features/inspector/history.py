"""Where the reader was: back and forward, as in a browser."""

from __future__ import annotations

from typing import NamedTuple

_KEPT = 500


class Place(NamedTuple):
    """A prototype by its path in the tree, and an instruction in it; 0: none in particular."""

    path: tuple[int, ...] = ()
    pc: int = 0


class History:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._places: list[Place] = []
        self._at = -1

    def visit(self, place: Place) -> None:
        """The reader went somewhere; what was ahead is forgotten."""
        if self._at >= 0 and self._places[self._at] == place:
            return
        del self._places[self._at + 1 :]
        self._places.append(place)
        del self._places[:-_KEPT]
        self._at = len(self._places) - 1

    def leave(self, place: Place) -> None:
        """Where the reader was last before going on: coming back leads there, not to where the stay began."""
        if self._at >= 0 and self._places[self._at].path == place.path:
            self._places[self._at] = place

    def can_go(self, step: int) -> bool:
        return 0 <= self._at + step < len(self._places)

    def go(self, step: int) -> Place | None:
        """One back (-1) or forward (1); None at the end."""
        if not self.can_go(step):
            return None
        self._at += step
        return self._places[self._at]
