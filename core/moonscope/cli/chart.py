"""The measured figures as a picture: a panel per kind, a bar per tier. SVG by hand; PNG is made of it by the window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from ..errors import MoonscopeError, UsageError
from .measure import Measure, number
from .window import part

WIDTH, MARGIN, GAP = 1120, 28, 32  # two columns of panels
PANEL = (WIDTH - 2 * MARGIN - GAP) // 2
TITLE, BAR, STEP, BETWEEN = 26, 16, 22, 22
LABEL, FIGURE = 76, 210  # room left of the bars, and right of the longest

COLOURS = {"off": "#8a93a2", "bytecode": "#5b8fd6", "fixed": "#8f7fd0", "graft": "#2f9e7f", "direct": "#d9822b"}
PLAIN_COLOUR = "#5b8fd6"

_STYLE = """\
text { font-family: "DejaVu Sans", "Helvetica Neue", Arial, sans-serif; fill: #1f2733; }
.title { font-size: 19px; font-weight: bold; } .note { font-size: 12px; fill: #5d6776; }
.kind { font-size: 13px; font-weight: bold; } .bar { font-size: 12px; }
"""


def check(path: str) -> None:
    """Before anything is measured: whether a chart can be written there. Raises UsageError, UnsupportedError."""
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot {path}: the name must end in .svg or .png")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"--plot {path}: there is no such folder")
    if Path(path).suffix.lower() == ".png":
        part("picture")


def write(path: str, title: str, note: str, measures: Sequence[Measure]) -> None:
    """Draw what has tiers. Raises MoonscopeError when the file cannot be written."""
    text = draw(title, note, [measure for measure in measures if measure.tier])
    try:
        if Path(path).suffix.lower() == ".png":
            Path(path).write_bytes(part("picture")(text))
        else:
            Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MoonscopeError(f"the chart cannot be written to {path}: {error.strerror}") from error


def draw(title: str, note: str, measures: Iterable[Measure]) -> str:
    """The chart as SVG."""
    panels = [list(group) for _, group in groupby(measures, key=lambda measure: measure.what)]
    drawn: list[str] = []
    y = 84
    for left, right in zip(panels[::2], [*panels[1::2], []], strict=False):
        drawn += _panel(MARGIN, y, left) + _panel(MARGIN + PANEL + GAP, y, right)
        y += TITLE + max(len(left), len(right)) * STEP + BETWEEN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>',
            _text(MARGIN, 36, title, "title"),
            _text(MARGIN, 58, note, "note"),
            *drawn,
            "</svg>\n",
        ]
    )


def _panel(x: int, y: int, measures: Sequence[Measure]) -> list[str]:
    if not measures:
        return []
    longest = max(measure.spread[1] for measure in measures) or 1.0
    drawn = [_text(x, y + 12, measures[0].what, "kind")]
    for row, measure in enumerate(measures):
        drawn += _bar(x, y + TITLE + row * STEP, measure, (PANEL - LABEL - FIGURE) / longest)
    return drawn


def _bar(x: int, y: int, measure: Measure, scale: float) -> list[str]:
    """The median as a bar, the middle half as a line on its end, the figure behind both."""
    start, length = x + LABEL, max(measure.middle * scale, 1.0)
    low, high = (start + value * scale for value in measure.spread)
    colour = COLOURS.get(measure.tier, PLAIN_COLOUR)
    middle = y + BAR / 2
    verdict = {None: "", True: "  ✓", False: f"  ✗ {measure.wanted}"}[measure.met]
    return [
        _text(x, y + 12, measure.tier, "bar"),
        f'<rect x="{start}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#1f2733" stroke-width="1.5"/>',
        _text(max(start + length, high) + 6, y + 12, number(measure.middle, measure.unit) + verdict, "bar"),
    ]


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" xml:space="preserve">{escape(text)}</text>'
