"""What sharing a file's code means, in a word for a table and in sentences."""

from __future__ import annotations

from moonscope.analysis.values import FileVerdict, Verdict

WORDS = {
    Verdict.SHARES_CLEANLY: "clean",
    Verdict.READS_STATE: "reads",
    Verdict.MAY_WRITE: "may write",
    Verdict.WRITES_GLOBALS: "writes",
    Verdict.NOT_ANALYSED: "unknown",
}
TONES = {
    Verdict.SHARES_CLEANLY: "muted",
    Verdict.READS_STATE: "stale",
    Verdict.MAY_WRITE: "stale",
    Verdict.WRITES_GLOBALS: "error",
    Verdict.NOT_ANALYSED: "muted",
}
COLUMN_TIP = (
    "What the code does with the globals of the VM that runs it. clean: its own variables and the standard library "
    "only; reads: other globals; may write: does what cannot be told here; writes: sets globals or changes the "
    "standard library"
)
_NAMES = 8  # globals that a tool tip names


def describe(verdict: FileVerdict) -> str:
    """The verdict, what it means, and the globals it is about."""
    lines = [f"{verdict.verdict[:1].upper()}{verdict.verdict[1:]}.", verdict.text]
    for title, names in (("Reads", verdict.reads), ("Writes", verdict.writes)):
        if names:
            more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
            lines.append(f"{title}: {', '.join(names[:_NAMES])}{more}")
    return "\n".join(filter(None, (*lines, verdict.notice)))
