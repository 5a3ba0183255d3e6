"""The numbers behind the plots as a file (CSV)."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from .history import Column
from .ring import Rows

_HEADINGS = (
    "time", "shared_bytes", "retained_bytes", "private_bytes", "unshared_bytes", "vms",
    "hits", "misses", "bypasses", "races", "errors", "rss_bytes", "overhead_bytes",
)  # fmt: skip


def save_csv(rows: Rows, path: Path) -> None:
    """One line per sample: local time in ISO 8601, gauges in bytes, running totals of loads; gaps are empty lines of
    data, with only their time. Raises OSError when it cannot be written."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for row in rows:
            moment = datetime.fromtimestamp(row[Column.TIME]).astimezone().isoformat(timespec="milliseconds")
            writer.writerow([moment, *("" if np.isnan(value) else int(value) for value in row[1:])])
