"""Axes with round ticks: bytes in powers of two, counts, the time of day."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_LABEL_HEIGHT = 24  # pixels from one label to the next, at least


def binary_step(span: float, ticks: int) -> float:
    """The smallest power of two, at least 1, that divides `span` bytes into at most `ticks` steps."""
    return float(2 ** max(0, math.ceil(math.log2(max(span, 1.0) / max(ticks, 1)))))


def decimal_step(span: float, ticks: int, least: float) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ, at least `least`, that divides `span` into at most `ticks` steps."""
    rough = max(span, 1e-12) / max(ticks, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return max(step, least)


def tick_bytes(value: float) -> str:
    """Bytes in binary units without trailing zeros: `0`, `512 KiB`, `1.5 MiB`."""
    if value == 0:
        return "0"
    unit = min(int(math.log2(abs(value)) // 10), len(_UNITS) - 1)
    return f"{value / 1024**unit:.4g} {_UNITS[unit]}"


def tick_count(value: float) -> str:
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if suffix == "k" else limit
            return f"{value / scale:.4g} {suffix}"
    return f"{value:,.4g}"


def multiples(low: float, high: float, step: float) -> list[float]:
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


class RoundAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """One level of ticks, `step` apart, with labels by `format_tick`. pyqtgraph's AxisItem has neither units of 1,024
    nor ticks at whole numbers only."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)  # the ticks name their units themselves

    def step(self, span: float, size: float) -> float:
        raise NotImplementedError

    def format_tick(self, value: float) -> str:
        raise NotImplementedError

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        if not (math.isfinite(minVal) and math.isfinite(maxVal)) or maxVal <= minVal or size <= 0:
            return []
        step = self.step(maxVal - minVal, size)
        return [(step, multiples(minVal, maxVal, step))]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self.format_tick(value) for value in values]


class BytesAxis(RoundAxis):
    def step(self, span: float, size: float) -> float:
        return binary_step(span, int(size // _LABEL_HEIGHT))

    def format_tick(self, value: float) -> str:
        return tick_bytes(value)


class CountAxis(RoundAxis):
    """Whole numbers, such as those of VMs."""

    least = 1.0

    def step(self, span: float, size: float) -> float:
        return decimal_step(span, int(size // _LABEL_HEIGHT), self.least)

    def format_tick(self, value: float) -> str:
        return tick_count(value)


class RateAxis(CountAxis):
    """Counts per second, which may be fractions."""

    least = 0.0


class ClockAxis(pg.DateAxisItem):  # type: ignore[misc]
    """The local time of `origin` + x seconds."""

    origin = 0.0

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        levels = super().tickValues(minVal + self.origin, maxVal + self.origin, size)
        return [(step, [value - self.origin for value in values]) for step, values in levels]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        exact = [value + self.origin + 0.5e-3 for value in values]  # DateAxisItem truncates to milliseconds
        strings: list[str] = super().tickStrings(exact, scale, spacing)
        return strings
