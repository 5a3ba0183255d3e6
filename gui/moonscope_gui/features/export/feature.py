"""What leaves the window: rows, tables, pictures."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from ...link.context import Context
from ...widgets import formats
from ...widgets.message_bar import Message
from ...widgets.records import write_records
from ...widgets.saving import save_chooser
from ...widgets.table_panel import TablePanel
from ..feature import Feature


class ExportFeature(Feature):
    """Works on the table that is in use: the one that has the focus, else the first."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        tables = ("files", "vms", "generations", "log")
        self.offer("export", "&Export Table…", "Write the rows of the table in use as CSV or JSON", self.export_table,
                   {"&File": 310} | dict.fromkeys(tables, 420), icon="export", shortcut="Ctrl+E", engine=False)
        self.offer("copy", "&Copy Rows", "Copy the selected rows of the table in use", self.copy_rows,
                   {"&File": 320} | dict.fromkeys(tables, 410), icon="copy", shortcut="Ctrl+C", engine=False)
        self.offer("find", "&Find in Table", "Go to the filter of the table in use", self._find, {"&File": 330},
                   shortcut="Ctrl+F", engine=False)
        self.offer("screenshot", "Save Scree&nshot…", "Write a picture of this window", self.choose_screenshot,
                   {"&File": 410}, icon="screenshot", shortcut="Ctrl+Shift+S", engine=False)  # fmt: skip

    def _current_table(self) -> TablePanel:
        widget: QWidget | None = self._context.window.focusWidget()
        while widget is not None and not isinstance(widget, TablePanel):
            widget = widget.parentWidget()
        return widget or self._context.window.findChildren(TablePanel)[0]

    def _find(self) -> None:
        self._current_table().filter.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def copy_rows(self) -> None:
        panel = self._current_table()
        self._context.note(f"{formats.plural(panel.view.copy_rows(), 'row')} copied")

    def export_table(self) -> None:
        """All rows that the filter shows, every column, raw values."""
        panel = self._current_table()
        title, filters = f"Export {panel.name}", ("CSV (*.csv)", "JSON (*.json)")
        chooser = save_chooser(self._context.window, title, f"{panel.name}.csv", filters)
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
            self._context.say(Message(f"{path} was not written: {error.strerror or error}."))
        else:
            self._context.note(f"{formats.plural(len(records), 'row')} written to {path}")

    def choose_screenshot(self) -> None:
        chooser = save_chooser(self._context.window, "Save a screenshot", "moonscope.png", ["PNG (*.png)"])
        chooser.setDefaultSuffix("png")
        chooser.fileSelected.connect(lambda path: self.write_screenshot(Path(path)))
        chooser.open()

    def write_screenshot(self, path: Path) -> None:
        if self._context.window.grab().save(str(path)):
            self._context.note(f"Screenshot written to {path}")
        else:
            text = f"{path} was not written: it is no place for a picture, or cannot be written to."
            self._context.say(Message(text))
