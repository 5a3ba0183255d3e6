"""One measured figure: what, of which tier, one value per round, and the target it is held against."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Literal

from msgspec import Struct

_BETTER, _WORSE = 0.9, 1.1  # of plain: what lies between may be noise

Unit = Literal["µs", "ms", "KiB", "MiB", "x", "%"]


class Target(Struct, frozen=True):
    sense: Literal["<=", ">="]
    bound: float
    of: Literal["value", "ratio"] = "value"  # ratio: to a plain load in the same round

    def met(self, value: float) -> bool:
        """Whether `value` is within the bound."""
        return value <= self.bound if self.sense == "<=" else value >= self.bound


class Measure(Struct, frozen=True):
    """`values` in `unit`, one per round. `plain`: the same of a plain load, in the same rounds; empty where there is
    nothing to compare with."""

    what: str
    values: list[float]
    unit: Unit = "x"
    tier: str = ""  # "": not about one tier
    plain: list[float] = []
    target: Target | None = None

    @property
    def middle(self) -> float:
        """The median of the values."""
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """To the plain load, taken round by round; None without one."""
        ratios = [value / plain for value, plain in zip(self.values, self.plain, strict=False) if plain]
        return median(ratios) if ratios else None

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the values: a busy machine spoils the rest."""
        if len(self.values) < 2:
            return self.middle, self.middle
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if self.target is None:
            return None
        judged = self.middle if self.target.of == "value" else self.ratio
        return None if judged is None else self.target.met(judged)

    @property
    def cost(self) -> bool:
        """Whether less is better: time and memory, not shares and speed-ups."""
        return self.unit in ("µs", "ms", "KiB", "MiB")

    @property
    def wanted(self) -> str:
        """The target in words; empty without one."""
        if self.target is None:
            return ""
        return f"{self.target.sense} {self.target.bound:.4g} {self.unit if self.target.of == 'value' else 'of plain'}"


def table(measures: list[Measure]) -> str:
    """A line per figure under what was measured; 80 columns are enough."""
    lines = [f"{'':<12}{'median':>14}{'middle half':>26}{'of plain':>12}"]
    last = ""
    for measure in measures:
        if measure.what != last:
            lines.append(measure.what)
            last = measure.what
        half = " to ".join(number(value) for value in measure.spread) if len(measure.values) > 1 else ""
        ratio = "" if measure.ratio is None else number(measure.ratio, "x")
        middle = number(measure.middle, measure.unit)
        lines.append(f"  {measure.tier or '-':<10}{middle:>14}{half:>26}{ratio:>12}")
    return "\n".join(lines)


def summary(measures: list[Measure]) -> str:
    """What is good and what is bad about these figures, compared with plain Lua; one sentence a line."""
    compared = [(each, each.ratio) for each in measures if each.ratio is not None and each.tier not in ("", "off")]
    lines = []
    for tier in dict.fromkeys(each.tier for each, _ in compared):
        good = [(ratio, each.what) for each, ratio in compared if each.tier == tier and ratio < _BETTER and each.cost]
        bad = [(ratio, each.what) for each, ratio in compared if each.tier == tier and ratio > _WORSE and each.cost]
        if good:
            ratio, what = min(good)
            most = f"{what} ({number(ratio, 'x')})"
            lines.append(f"{tier}: better than plain Lua in {len(good)} of these, most in: {most}")
        lines += [f"{tier}: more than plain Lua: {what} ({number(ratio, 'x')})" for ratio, what in bad]
    return "\n".join(lines)


def as_json(measures: list[Measure]) -> list[dict[str, object]]:
    """The measures as JSON objects, one for each."""
    return [
        {
            "what": measure.what,
            "tier": measure.tier or None,
            "unit": measure.unit,
            "median": measure.middle,
            "middle_half": measure.spread,
            "of_plain": measure.ratio,
            "target": measure.wanted or None,
            "met": measure.met,
            "values": measure.values,
        }
        for measure in measures
    ]


def number(value: float, unit: str = "") -> str:
    """Three digits that say something, and the unit."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return f"{text} {unit}" if unit else text
