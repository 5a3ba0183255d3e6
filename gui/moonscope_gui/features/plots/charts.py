"""The charts, their lines, and the formats of their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt

from ...widgets import formats
from .axes import BytesAxis, CountAxis, RateAxis, RoundAxis
from .history import COUNTERS, Column, rates
from .ring import Rows

_SOLID, _DASH, _DOT = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine


@dataclass(frozen=True)
class Line:
    """A line of a chart. It differs from the others in colour and in stroke."""

    name: str
    token: str  # of the theme
    tip: str
    stroke: Qt.PenStyle = _SOLID
    filled: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over one axis. `values` turns rows of a history into an array of shape (rows, lines)."""

    title: str
    lines: tuple[Line, ...]
    values: Callable[[Rows], Rows]
    format: Callable[[float], str]
    axis: type[RoundAxis]
    minimum_top: float  # of the axis, so that noise does not fill the plot


_OUTCOMES = (
    Line("hits", "hit", "answered from the cache", filled=True),
    Line("misses", "miss", "compiled and stored"),
    Line("bypasses", "bypass", "past the cache, as the mode of the VM asks", _DASH),
    Line("races", "race", "compiled, but another VM stored first", _DOT),
    Line("errors", "error", "not loaded: missing, unreadable or broken files", _DASH),
)


def _whole(value: float) -> str:
    return formats.count(round(value))


MEMORY = Chart(
    "Memory",
    (
        Line("unshared", "unshared", "what the same VMs would hold without the cache", _DASH),
        Line("private", "private", "all memory of all VMs"),
        Line("shared", "shared", "held once for the process, whatever the number of VMs", filled=True),
        Line("retired", "retired", "the part of shared that only retired generations hold", _DOT),
        Line("overhead", "muted", "what the C allocator takes beyond these, and the cache's records", _DOT),
    ),
    lambda rows: rows[:, [Column.UNSHARED, Column.PRIVATE, Column.SHARED, Column.RETAINED, Column.OVERHEAD]],
    formats.size,
    BytesAxis,
    64 * 1024,
)
LOAD_RATES = Chart("Loads per second", _OUTCOMES, rates, formats.rate, RateAxis, 5)
LOAD_TOTALS = Chart("Loads in total", _OUTCOMES, lambda rows: rows[:, COUNTERS], _whole, CountAxis, 5)
VMS = Chart(
    "VMs",
    (Line("open", "accent", "VMs that are not closed", filled=True),),
    lambda rows: rows[:, [Column.VMS]],
    _whole,
    CountAxis,
    4,
)
