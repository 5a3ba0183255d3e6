"""One measured ratio: what, the target it is held against, and one value per round."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Literal

from msgspec import Struct
from rich.table import Table

from .terminal import cell


class Measure(Struct, frozen=True):
    what: str
    sense: Literal["<=", ">=", ""]  # "": a number without a target
    target: float
    values: list[float]
    unit: str = "x"  # x: a ratio; %: a share

    @property
    def middle(self) -> float:
        return median(self.values)

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
        if not self.sense:
            return None
        return self.middle <= self.target if self.sense == "<=" else self.middle >= self.target


def table(measures: list[Measure]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("ratio, within this run")
    for title in ("target", "median", "middle half", "rounds"):
        rows.add_column(title, justify="right")
    rows.add_column("")
    for measure in measures:
        rows.add_row(
            cell(measure.what),
            cell(f"{measure.sense} {_number(measure, measure.target)}" if measure.sense else ""),
            cell(_number(measure, measure.middle)),
            cell(" to ".join(_number(measure, value) for value in measure.spread)),
            cell(str(len(measure.values))),
            {None: cell(""), True: cell("met", "green"), False: cell("missed", "yellow")}[measure.met],
        )
    return rows


def as_json(measures: list[Measure]) -> list[dict[str, object]]:
    return [
        {
            "what": measure.what,
            "unit": measure.unit,
            "target": f"{measure.sense} {measure.target}" if measure.sense else None,
            "met": measure.met,
            "median": measure.middle,
            "middle_half": measure.spread,
            "values": measure.values,
        }
        for measure in measures
    ]


def _number(measure: Measure, value: float) -> str:
    return f"{value:.1f} %" if measure.unit == "%" else f"{value:.3f}"
