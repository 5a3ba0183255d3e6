"""The tables of an engine, each declared once: which field of `Update` it is, and what tells its rows apart.

Whoever goes over all of them (the change log, large updates in parts, merged updates) reads it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from .rows import FileRow, GenerationRow, VMRow
from .words import LuaVersion

K = TypeVar("K")
R = TypeVar("R")

FileKey = tuple[LuaVersion, str]


@dataclass(frozen=True)
class Table(Generic[K, R]):
    """Rows, each of which replaces the one with the same key."""

    name: str  # the field of `Update`
    key: Callable[[R], K]

    @property
    def gone(self) -> str:
        """The field of `Update` with the keys of rows that are gone."""
        return f"{self.name}_gone"


@dataclass(frozen=True)
class Stream:
    """Items one after the other, of which the last `size` are kept."""

    name: str  # the field of `Update`
    size: int


FILES: Table[FileKey, FileRow] = Table("files", attrgetter("lua", "key"))
GENERATIONS: Table[int, GenerationRow] = Table("generations", attrgetter("id"))
VMS: Table[int, VMRow] = Table("vms", attrgetter("id"))

TABLES = (FILES, GENERATIONS, VMS)
STREAMS = (Stream("loads", 20_000), Stream("output", 5_000), Stream("marks", 1_000), Stream("samples", 4_096))
