"""File names as a person tells them apart: without the folder that all of them are in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class CommonFolder:
    """The longest folder that all absolute names are in; `path` ends in a slash, or is empty when there is none."""

    path: str = ""
    complete: bool = True  # no name is outside of it

    @classmethod
    def of(cls, names: Collection[str]) -> CommonFolder:
        absolute = [name for name in names if name.startswith("/")]
        if not absolute:
            return cls()
        low, high = min(absolute), max(absolute)
        folder = low[: low.rfind("/") + 1]
        while not high.startswith(folder):  # then none in between does
            folder = folder[: folder.rfind("/", 0, -1) + 1]
        return cls(folder, len(absolute) == len(names)) if len(folder) > 1 else cls()

    def short(self, name: str) -> str:
        """`name` from the folder on; with `…/` in front where that could be taken for a name outside of it."""
        if not self.path or not name.startswith(self.path):
            return name
        return ("" if self.complete else "…/") + name[len(self.path) :]
