"""Records as a file: JSON or CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any


def write_records(path: Path, titles: list[str], records: list[dict[str, Any]]) -> None:
    """As JSON or CSV, as the suffix says. Raises OSError."""
    (_write_json if path.suffix.lower() == ".json" else _write_csv)(path, titles, records)


def _write_csv(path: Path, titles: list[str], records: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, titles)
        writer.writeheader()
        writer.writerows(records)


def _write_json(path: Path, titles: list[str], records: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
