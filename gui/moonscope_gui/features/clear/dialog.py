"""Clearing the cache: what would happen is shown first, and asked again whenever the question changes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from moonscope.commands import Clear
from moonscope.errors import MoonscopeError
from moonscope.model import ClearReport

from ...widgets import formats
from ...widgets.buttons import DangerButton
from ...widgets.table_panel import DEBOUNCE_MS

Ask = Callable[[Clear, Callable[[ClearReport], object], Callable[[MoonscopeError], object]], object]


def describe(report: ClearReport) -> list[tuple[str, str]]:
    """What a clear does, as pairs of a name and a value."""
    old = report.vms_on_old_code
    return [
        ("Files dropped", formats.count(report.files)),
        ("Freed at once", formats.size(report.freed_bytes)),
        ("Kept by holders", formats.size(report.retained_bytes)),
        ("VMs left on old code", f"{len(old):,}  ({formats.ids(old, 6)})" if old else "none"),
    ]


class ClearDialog(QDialog):
    """`question` names what is cleared, or is None: then the user gives a pattern of file names."""

    def __init__(
        self,
        title: str,
        text: str,
        question: Clear | None,
        ask: Ask,
        clear: Callable[[Clear], object],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self._question = question
        self._ask = ask
        self._asked: Clear | None = None  # answers to another question are dropped
        self.pattern = QLineEdit(placeholderText="*/views/*.lua    * any text, ? one character, […] one of these")
        self.pattern.setVisible(question is None)
        self._wait = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._wait.timeout.connect(self._preview)
        self.pattern.textChanged.connect(self._changed)
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(24)
        self._values = [QLabel() for _ in describe(ClearReport())]
        for (name, _), value in zip(describe(ClearReport()), self._values, strict=True):
            self._facts.addRow(name, value)
        self.note = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._build(text, clear)
        self._preview()

    def _build(self, text: str, clear: Callable[[Clear], object]) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = DangerButton("Clear")
        self.go.setEnabled(False)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: clear(self._command()))
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(QLabel(text, wordWrap=True, textFormat=Qt.TextFormat.PlainText))
        layout.addWidget(self.pattern)
        layout.addLayout(self._facts)
        layout.addWidget(self.note)
        layout.addWidget(buttons)

    def _command(self, dry_run: bool = False) -> Clear:
        asked = self._question or Clear(pattern=self.pattern.text().strip())
        return Clear(keys=asked.keys, pattern=asked.pattern, lua=asked.lua, dry_run=dry_run)

    @Slot()
    def _changed(self) -> None:
        self.go.setEnabled(False)  # until it is known what the new pattern means
        self._asked = None
        self._wait.start()

    @Slot()
    def _preview(self) -> None:
        command = self._command(dry_run=True)
        if self._question is None and not command.pattern:  # no pattern would mean all
            self._show_facts(ClearReport())
            self.note.setText("Type a pattern to see which files it drops.")
            return
        self._asked = command
        self.note.setText("Asking the engine what would happen …")
        self._ask(command, self._show_report, self._show_error)

    def _show_report(self, report: ClearReport) -> None:
        command = self._command(dry_run=True)
        if self._asked != command:
            return
        self._show_facts(report)
        self.go.setEnabled(report.files > 0)
        if not report.files:
            self.note.setText("Nothing in the cache is named like this." if command.pattern else "Nothing to clear.")
        elif report.vms_on_old_code:
            self.note.setText("Running VMs keep the functions they have; only what they load next is compiled anew.")
        else:
            self.note.setText("No VM holds any of it.")

    def _show_error(self, error: MoonscopeError) -> None:
        self._show_facts(ClearReport())
        self.note.setText(f"The engine cannot tell what would happen: {error}")

    def _show_facts(self, report: ClearReport) -> None:
        for (_, value), label in zip(describe(report), self._values, strict=True):
            label.setText(value)
