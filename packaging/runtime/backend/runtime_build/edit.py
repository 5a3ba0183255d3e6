"""Edits of source text that must fit exactly: one that does not fit stops the build, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MARK = "moonscope"
"""In every text that edits put in; a file that has it before was edited already."""


class EditError(Exception):
    """The source is not the one that the edits were written for."""


@dataclass(frozen=True)
class Edit:
    """Put `text` for `anchor`, which must occur exactly once in `file`."""

    file: str
    anchor: str
    text: str


def edit_all(folder: Path, edits: Iterable[Edit]) -> None:
    """Apply all edits to the files of `folder`, or none. Raises EditError saying which one does not fit, and how."""
    edited: dict[Path, str] = {}
    for edit in edits:
        path = folder / edit.file
        if path not in edited:
            edited[path] = unedited(path)
        count = edited[path].count(edit.anchor)
        if count != 1:
            raise EditError(
                f"{path}: '{edit.anchor}' occurs {count} times, and must occur once for an edit to be right. "
                "This is not the source that the edits were written for."
            )
        edited[path] = edited[path].replace(edit.anchor, edit.text)
    for path, text in edited.items():
        path.write_text(text)


def unedited(path: Path) -> str:
    """The text of a file. Raises EditError when it is not there or was edited before."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise EditError(f"{path} does not exist. This is not the source that the edits were written for.") from None
    if MARK in text:
        raise EditError(f"{path} is edited already ('{MARK}' occurs in it); start from a fresh source.")
    return text
