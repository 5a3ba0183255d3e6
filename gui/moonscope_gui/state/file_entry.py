"""One key of the cache with all of its versions in memory, and what that means in words."""

from __future__ import annotations

from dataclasses import dataclass

from moonscope.analysis.values import FileVerdict
from moonscope.model import FileRow, GenerationRow

from ..widgets import formats

_STATES = {
    "error": "The last load failed.",
    "changed": "The file changed on disk since it was compiled. VMs go on loading the old version until it is evicted "
    "or recompiled.",
    "deleted": "The file was deleted on disk since it was compiled. VMs go on loading it from the cache.",
    "current": "The file on disk is what was compiled.",
    "cleared": "The file was taken out of the cache. The next load compiles it anew.",
    "bypassed": "The file was only loaded past the cache, and nothing is stored.",
}


@dataclass(frozen=True)
class FileEntry:
    """A file row, its current generation as far as there is one, and the retired ones that VMs hold, oldest first."""

    file: FileRow
    generation: GenerationRow | None = None
    retired: tuple[GenerationRow, ...] = ()
    verdict: FileVerdict | None = None  # on the current generation, None until it is found

    @property
    def state(self) -> str:
        """In one word; the worst when there are several."""
        if self.file.error:
            return "error"
        if self.file.stale:
            return self.file.stale
        if self.generation:
            return "current"
        return "cleared" if self.file.counters.misses else "bypassed"

    @property
    def saved(self) -> int | None:
        """By the current generation."""
        return self.generation.saved_bytes if self.generation else None

    @property
    def versions(self) -> tuple[GenerationRow, ...]:
        """Those that VMs hold, oldest first."""
        current = (self.generation,) if self.generation and self.generation.holders else ()
        return (*self.retired, *current)

    @property
    def is_mixed(self) -> bool:
        """VMs hold different versions of this file."""
        return len(self.versions) > 1

    @property
    def differs(self) -> bool:
        """The versions that VMs hold were compiled from different sources, as far as is known."""
        digests = {version.digest for version in self.versions}
        return self.is_mixed and (len(digests) > 1 or digests == {""})

    @property
    def marks(self) -> str:
        """What a person should know besides the state, in a word each."""
        return ", ".join(filter(None, ("mixed" if self.is_mixed else "", "alias" if self.file.aliases else "")))

    # Explanations, one thing to a line

    @property
    def state_tip(self) -> str:
        return "\n".join(filter(None, (f"{self.state}: {_STATES[self.state]}", self.file.error)))

    @property
    def marks_tip(self) -> str:
        return "\n".join(filter(None, (self._mixed_tip(), self._alias_tip())))

    @property
    def name_tip(self) -> str:
        lines = [self.file.key]
        if self.generation and self.generation.path and self.generation.path != self.file.key:
            lines.append(f"Resolved to {self.generation.path}")
        return "\n".join(filter(None, (*lines, self.state_tip, self.marks_tip)))

    def _mixed_tip(self) -> str:
        if not self.is_mixed:
            return ""
        what = "different versions of this file" if self.differs else "copies of one version of this file"
        parts = [
            f"generation {version.id:,} ({version.state}) in {formats.plural(version.holders, 'VM')}"
            for version in self.versions
        ]
        return f"mixed: VMs run {what}: {', '.join(parts)}. A VM keeps the functions it has until it is closed."

    def _alias_tip(self) -> str:
        if not self.file.aliases:
            return ""
        names = formats.plural(self.file.aliases, "other name")
        return f"alias: the same file on disk is cached under {names} too, and takes memory for each."
