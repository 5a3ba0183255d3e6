"""Plots as files: a picture (PNG, SVG) or the numbers behind it (CSV)."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from .history import Column
from .ring import Rows

_HEADINGS = (
    "time", "shared_bytes", "retained_bytes", "private_bytes", "unshared_bytes", "vms",
    "hits", "misses", "bypasses", "races", "errors", "rss_bytes", "overhead_bytes",
)  # fmt: skip


def save_png(widget: QWidget, path: Path) -> None:
    """Raises OSError when it cannot be written."""
    if not widget.grab().save(str(path), "PNG"):
        raise OSError(f"{path}: the picture could not be written; is the folder there and writable?")


def save_svg(widget: QWidget, path: Path) -> None:
    """Raises OSError when it cannot be written."""
    with path.open("wb"):
        pass  # QSvgGenerator would fail without a word
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setTitle("Moonscope")
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    widget.render(generator)


def save_csv(rows: Rows, path: Path) -> None:
    """One line per sample: local time in ISO 8601, gauges in bytes, running totals of loads; gaps are empty lines of
    data, with only their time. Raises OSError when it cannot be written."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for row in rows:
            moment = datetime.fromtimestamp(row[Column.TIME]).astimezone().isoformat(timespec="milliseconds")
            writer.writerow([moment, *("" if np.isnan(value) else int(value) for value in row[1:])])
