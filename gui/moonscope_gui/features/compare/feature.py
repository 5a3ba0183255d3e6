"""Comparing what is cached: versions of a file, the cache against the disk, two files, or two Luas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from moonscope.commands import Inspect, InspectFile

from ...link.context import Context
from ...link.task import read
from ...state.file_entry import FileEntry
from ...widgets import formats
from ..feature import Feature

if TYPE_CHECKING:
    from .dialog import Fail, Subject, Take

MOST = 2  # files that can be compared at once
LONGEST_NAME = 30  # characters, so that the version beside it is visible


class CompareFeature(Feature):
    """Two versions of code side by side."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.offer("compare", "&Compare…", "Show versions of the selected file, or two selected files, side by side",
                   self.compare, {"&Cache": 110, "files": 210}, icon="compare", shortcut="Ctrl+D",
                   usable=self._can_compare)  # fmt: skip

    def _can_compare(self) -> bool:
        return 1 <= len(self._context.selection.file_ids()) <= MOST

    def compare(self) -> None:
        """Two selected files with each other; one file with its older version, else with the disk."""
        from .dialog import CompareDialog

        entries = self._context.selection.files()[:MOST]
        if not entries:
            return
        lists = [list(self._subjects(entry)) for entry in entries]
        first, second = (0, len(lists[0])) if len(lists) > 1 else _pair(entries[0])
        subjects = [subject for each in lists for subject in each]
        CompareDialog(subjects, first, second, self._fetch, self._context.window).show()

    def _subjects(self, entry: FileEntry) -> Iterator[Subject]:
        """Versions in memory, newest first; the file on disk; and both of these under the other Luas."""
        from .dialog import Subject

        file, state = entry.file, self._context.state
        name = formats.middle(state.folder.short(file.key), LONGEST_NAME)
        if len({lua for lua, _ in state.files}) > 1:
            name += f" ({file.lua.full_name})"
        for version in reversed(list(state.generations_of((file.lua, file.key)))):
            where = f"{version.state}, {formats.plural(version.holders, 'VM')}"
            yield Subject(f"{name} \N{EM DASH} generation {version.id:,} ({where})", Inspect(generation=version.id))
        yield Subject(f"{name} \N{EM DASH} on disk now", InspectFile(path=file.key, lua=file.lua))
        for lua, release in state.settings.luas if state.settings else ():
            if lua is not file.lua:
                words = release if release.startswith("Lua") else f"Lua {release}"
                yield Subject(f"{name} \N{EM DASH} on disk now, {words}", InspectFile(path=file.key, lua=lua))

    def _fetch(self, subject: Subject, take: Take, fail: Fail) -> None:
        done, failed = partial(take, subject), partial(fail, subject)
        self._context.tasks.start(f"Inspect {subject.title}", read(subject.command), done, failed)


def _pair(entry: FileEntry) -> tuple[int, int]:
    """Indexes of before and after among the subjects of one file: newest version first, then the disk."""
    versions = len(entry.retired) + (entry.generation is not None)
    return (1, 0) if versions > 1 else (0, versions)
