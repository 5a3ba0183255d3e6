"""What leaves the window: rows, tables, pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from ...link.desk import Desk
from ...widgets import formats
from ...widgets.message_bar import Message
from ...widgets.saving import save_chooser
from ...widgets.table_panel import TablePanel


class ExportFlow(QObject):
    """`current_table` is the table the user works with."""

    def __init__(self, desk: Desk, current_table: Callable[[], TablePanel]) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._current_table = current_table

    def copy_rows(self) -> None:
        panel = self._current_table()
        self._desk.note(f"{formats.plural(panel.view.copy_rows(), 'row')} copied")

    def export_table(self) -> None:
        """All rows that the filter shows, every column, raw values."""
        panel = self._current_table()
        title, filters = f"Export {panel.name}", ("CSV (*.csv)", "JSON (*.json)")
        chooser = save_chooser(self._desk.window, title, f"{panel.name}.csv", filters)
        chooser.filterSelected.connect(lambda name: chooser.setDefaultSuffix("json" if "JSON" in name else "csv"))
        chooser.setDefaultSuffix("csv")
        chooser.fileSelected.connect(lambda path: self.write_table(panel, Path(path)))
        chooser.open()

    def write_table(self, panel: TablePanel, path: Path) -> None:
        records = panel.model.records()
        titles = [column.key for column in panel.model.columns]
        try:
            write_records(path, titles, records)
        except OSError as error:
            self._desk.say(Message(f"{path} was not written: {error.strerror or error}."))
        else:
            self._desk.note(f"{formats.plural(len(records), 'row')} written to {path}")

    def choose_screenshot(self) -> None:
        chooser = save_chooser(self._desk.window, "Save a screenshot", "moonscope.png", ["PNG (*.png)"])
        chooser.setDefaultSuffix("png")
        chooser.fileSelected.connect(lambda path: self.write_screenshot(Path(path)))
        chooser.open()

    def write_screenshot(self, path: Path) -> None:
        if self._desk.window.grab().save(str(path)):
            self._desk.note(f"Screenshot written to {path}")
        else:
            self._desk.say(Message(f"{path} was not written: it is no place for a picture, or cannot be written to."))


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
