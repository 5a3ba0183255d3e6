"""The reasons for what a file's code means for sharing it between VMs, as a table."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QObject

from moonscope.analysis.values import Kind, Reason, Verdict

from ..widgets.table import Column, TableModel

TONES = {
    Verdict.SHARES_CLEANLY: "hit",
    Verdict.READS_STATE: "stale",
    Verdict.MAY_WRITE: "stale",
    Verdict.WRITES_GLOBALS: "danger",
    Verdict.NOT_ANALYSED: "muted",
}
_WORDS = {
    Kind.READS_GLOBAL: "reads {}",
    Kind.READS_COMPUTED_GLOBAL: "reads a computed name",
    Kind.READS_ALL_GLOBALS: "reads all globals",
    Kind.HANDS_ON_GLOBALS: "hands on all globals",
    Kind.HANDS_ON_STANDARD: "hands on {}",
    Kind.RUNS_LOADED_CODE: "loads code by {}",
    Kind.REACHES_BEYOND: "uses {}",
    Kind.CHANGES_SETTING: "sets {}",
    Kind.WRITES_GLOBAL: "writes {}",
    Kind.WRITES_COMPUTED_GLOBAL: "writes a computed name",
    Kind.CHANGES_STANDARD: "changes {}",
    Kind.CHANGES_METATABLE: "sets a metatable on the globals",
    Kind.DEFINES_MODULE: "defines the module {}",
    Kind.READS_OTHER_STANDARD: "uses {} of another Lua",
}


def _short(reason: Reason) -> str:
    return _WORDS.get(reason.kind, "uses {}").format(reason.name or "a computed name")


def _tone(reason: Reason) -> str:
    """That of the verdict that the reason makes; remarks make none."""
    return "muted" if reason.weight == Verdict.SHARES_CLEANLY else TONES[reason.weight]


Numbered = tuple[int, Reason]

_COLUMNS: tuple[Column[Numbered], ...] = (
    Column("line", "Line", lambda n: n[1].line or None, lambda line: str(line or ""), "In the source", numeric=True,
           width=5),
    Column("what", "What", lambda n: _short(n[1]), tip="Select a reason to go there", width=14, stretch=True,
           tone=lambda n: _tone(n[1]), cell_tip=lambda n: n[1].text),
    Column("function", "Function", lambda n: n[1].function, width=20, rank=1, tone=lambda n: "muted"),
)  # fmt: skip


class ReasonsModel(TableModel[Numbered]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_COLUMNS, parent)

    def row_id(self, row: Numbered) -> Hashable:
        return row[0]
