"""What the cache buys: one workload in every cache mode, on one chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from moonscope.model import CacheMode, LuaVersion

from ...state.lua_error import without_name
from ...widgets import formats
from ...widgets.bars import Bar, BarChart, Group
from ...widgets.saving import save_chooser
from ...widgets.table_view import TableView
from .model import Finding, FindingsModel

MOST_VMS = 500
_TOKENS = {CacheMode.ON: "hit", CacheMode.EXIST: "bypass", CacheMode.OFF: "unshared"}
_TEXT = (
    "Loads the files that are cached into fresh VMs: once with the cache (on), once with what is stored in it now "
    "(exist), once without it (off). The VMs are closed again; their loads count in the statistics.\n"
    "Memory: what one VM holds of the files, the median of all VMs, after a full collection. Time: from the call to "
    "the function, the median of the loads that were timed; a quarter of them was below ¼, a quarter above ¾."
)


class WhatIfDialog(QDialog):
    """`files` tells how many files of each Lua are cached. `start(lua, vms)` and `cancel()` are called by buttons,
    `save(path)` when a file was chosen."""

    def __init__(
        self,
        files: Mapping[LuaVersion, int],
        start: Callable[[LuaVersion, int], object],
        cancel: Callable[[], object],
        save: Callable[[Path], object],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What would the cache buy?")
        self.setMinimumWidth(720)
        self._start, self._cancel, self._save = start, cancel, save
        self._running = False
        self.lua = QComboBox()
        for lua, count in sorted(files.items(), key=lambda item: -item[1]):
            self.lua.addItem(f"{formats.plural(count, 'cached file')} of {lua.full_name}", lua)
        self.vms = QSpinBox(minimum=1, maximum=MOST_VMS, value=20)
        self.model = FindingsModel(self)
        self.view = TableView(self.model, "")
        self.view.setFixedHeight(self.view.verticalHeader().defaultSectionSize() * 5)
        self.chart = BarChart()
        self.chart.hide()
        self.view.hide()
        self.words = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.failed = QPlainTextEdit(readOnly=True)
        self.failed.setFixedHeight(self.failed.fontMetrics().height() * 6)
        self.failed.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.failed.hide()
        self.progress = QProgressBar(textVisible=False)
        self.progress.hide()
        self._lay_out()
        self.finished.connect(lambda: cancel())

    # Called by the feature

    def show_step(self, done: int, total: int, words: str) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.words.setText(words)

    def add(self, finding: Finding) -> None:
        self.model.apply([finding])
        self.chart.show_groups(groups(self.findings))
        self.view.show()
        self.chart.show()
        text = failures(self.findings)
        self.failed.setPlainText(text)
        self.failed.setVisible(bool(text))
        self.adjustSize()

    def end(self, words: str) -> None:
        self._set_running(False)
        self.words.setText(words)

    @property
    def findings(self) -> list[Finding]:
        return [self.model.row_at(position) for position in range(self.model.rowCount())]

    # Buttons

    @Slot()
    def _go(self) -> None:
        if self._running:
            self._cancel()
            return
        self.model.reset_rows()
        self.failed.hide()
        self._set_running(True)
        self._start(LuaVersion(self.lua.currentData()), self.vms.value())

    def _set_running(self, running: bool) -> None:
        self._running = running
        self.go.setText("Cancel" if running else "Run")
        self.progress.setVisible(running)
        self.lua.setEnabled(not running)
        self.vms.setEnabled(not running)
        self.export.setEnabled(not running and bool(self.findings))

    @Slot()
    def _choose_file(self) -> None:
        filters = ("CSV (*.csv)", "JSON (*.json)", "Picture (*.png)")
        chooser = save_chooser(self, "Export what was measured", "what-the-cache-buys.csv", filters)
        chooser.filterSelected.connect(lambda name: chooser.setDefaultSuffix(name[-4:-1].strip(".").lower()))
        chooser.setDefaultSuffix("csv")
        chooser.fileSelected.connect(lambda path: self._save(Path(path)))
        chooser.open()

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.go = QPushButton("Run", default=True)
        self.go.clicked.connect(self._go)
        self.export = QPushButton("Export…")
        self.export.setEnabled(False)
        self.export.clicked.connect(self._choose_file)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.export, QDialogButtonBox.ButtonRole.ActionRole)
        form = QFormLayout()
        form.addRow("Workload", self.lua)
        form.addRow("Fresh VMs", self.vms)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(QLabel(_TEXT, wordWrap=True, textFormat=Qt.TextFormat.PlainText))
        layout.addLayout(form)
        for widget in (self.chart, self.view, self.failed, self.progress, self.words):
            layout.addWidget(widget)
        layout.addWidget(buttons)


def failures(findings: Sequence[Finding]) -> str:
    """Which loads failed, by mode, a line for each file and reason; "" if none did."""
    modes: dict[str, list[str]] = {}
    for finding in findings:
        if finding.failed:
            loads = formats.plural(finding.files * finding.vms, "load")
            causes = dict.fromkeys((failure.path, failure.message) for failure in finding.failures)
            lines = [f"{finding.failed:,} of {loads} failed:"]
            lines += [f"    {path}: {without_name(message, path)}" for path, message in causes]
            modes.setdefault("\n".join(lines), []).append(finding.mode.value)
    return "\n".join(f"{', '.join(names)}: {lines}" for lines, names in modes.items())


def groups(findings: Sequence[Finding]) -> list[Group]:
    """The chart: a group for each number, a bar for each mode."""

    def bars(value: Callable[[Finding], float | None]) -> list[Bar]:
        return [Bar(finding.mode.value, value(finding), _TOKENS[finding.mode]) for finding in findings]

    def median(finding: Finding) -> float | None:
        return finding.load_us.median if finding.load_us else None

    return [
        Group("Memory per VM", bars(lambda f: f.private_bytes), formats.size),
        Group("Memory of all VMs, shared bytes included", bars(lambda f: f.total_bytes), formats.size),
        Group("Load time per file, median", bars(median), formats.microseconds),
        Group("Hits", bars(lambda f: f.counters.hits), lambda hits: formats.count(round(hits))),
    ]
