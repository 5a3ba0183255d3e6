"""One measured figure: what, of which tier, one value per round, and the target it is held against."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Literal

from msgspec import Struct
from rich.table import Table

from .terminal import cell

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
    def wanted(self) -> str:
        """The target in words; empty without one."""
        if self.target is None:
            return ""
        return f"{self.target.sense} {self.target.bound:.4g} {self.unit if self.target.of == 'value' else 'of plain'}"


def table(measures: list[Measure]) -> Table:
    """One line per figure, those of one kind below each other."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("measured in this run")
    rows.add_column("tier")
    for title in ("median", "middle half", "of plain", "rounds", "target"):
        rows.add_column(title, justify="right")
    rows.add_column("")
    last = ""
    for measure in measures:
        rows.add_row(
            cell(measure.what if measure.what != last else ""),
            cell(measure.tier),
            cell(number(measure.middle, measure.unit)),
            cell(" to ".join(number(value) for value in measure.spread)),
            cell("" if measure.ratio is None else number(measure.ratio, "x")),
            cell(str(len(measure.values))),
            cell(measure.wanted),
            {None: cell(""), True: cell("met", "green"), False: cell("not met", "yellow")}[measure.met],
        )
        last = measure.what
    return rows


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
