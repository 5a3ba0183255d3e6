"""Formats for values: sizes, counts, rates, ages, ranges of ids."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUS = "\N{MINUS SIGN}"


def size(count: float | None) -> str:
    """Bytes in binary units with three significant digits: `0`, `812 B`, `1.21 KiB`, `34.5 MiB`."""
    if count is None:
        return ""
    if count == 0:
        return "0"
    sign, rest = (_MINUS, -count) if count < 0 else ("", count)
    unit = 0
    while rest >= 999.5 and unit < len(_UNITS) - 1:
        rest /= 1024
        unit += 1
    digits = 0 if unit == 0 or rest >= 99.95 else 1 if rest >= 9.995 else 2
    return f"{sign}{rest:.{digits}f} {_UNITS[unit]}"


def count(number: int | None) -> str:
    return "" if number is None else f"{number:,}".replace("-", _MINUS)


def percent(share: float | None) -> str:
    """A share from 0.0 to 1.0; only 1.0 is 100 %."""
    if share is None:
        return ""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(share * 100, 99.9):.1f} %"


def rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 10 or per_second == 0 else f"{per_second:.1f}/s"


def microseconds(us: float | None) -> str:
    if us is None:
        return ""
    if us < 1000:
        return f"{us:.1f} µs" if us < 10 else f"{us:.0f} µs"
    return f"{us / 1000:.1f} ms" if us < 1_000_000 else f"{us / 1_000_000:.1f} s"


def ago(moment: float | None, now: float | None = None) -> str:
    """How long ago `moment` (seconds since the epoch) was; 0.0 is never."""
    if not moment:
        return "never"
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    for limit, divisor, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // divisor:.0f} {unit}"
    return f"{seconds // 86400:.0f} d"


def clock(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%H:%M:%S.%f")[:-3]


def ids(numbers: Iterable[int], limit: int = 12) -> str:
    """Ids with neighbours joined: `1-4, 7, 9-12`; after `limit` parts the rest is counted."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts = [str(first) if first == last else f"{first}\N{EN DASH}{last}" for first, last in runs[:limit]]
    left = sum(last - first + 1 for first, last in runs[limit:])
    return ", ".join(parts) + (f" and {left:,} more" if left else "")


def vms(ids: Sequence[int]) -> str:
    """`VM 7`, `12 VMs`; of none `all VMs`, which is what commands take it for."""
    if not ids:
        return "all VMs"
    return f"VM {ids[0]}" if len(ids) == 1 else plural(len(ids), "VM")


def limits(bytes_: int, files: int) -> str:
    """`at most 64 MiB and 500 files`; "" without a limit."""
    parts = [size(bytes_)] if bytes_ else []
    parts += [plural(files, "file")] if files else []
    return f"at most {' and '.join(parts)}" if parts else ""


def tip(text: str) -> str:
    """Text for a tool tip, escaped: Qt would take some names for HTML."""
    return f"<qt>{escape(text)}</qt>".replace("\n", "<br>") if text else ""


def middle(text: str, longest: int) -> str:
    """A text of at most `longest` characters, cut in the middle with dots."""
    if len(text) <= longest:
        return text
    front = (longest - 1) // 2
    return f"{text[:front]}…{text[front + 1 - longest :]}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `1,200 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
