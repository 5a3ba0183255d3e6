from __future__ import annotations

from ..model import ClearReport, Context, LuaVersion
from .command import Command, Services


class Clear(Command[ClearReport], frozen=True):
    """Take files out of the cache. VMs that hold them go on running them.

    `keys` are exact names, `pattern` is a file-name pattern (`*`, `?`, `[…]`); without both, all. A dry run only tells
    what would happen.
    """

    in_turn = False
    may_wait = False

    keys: tuple[str, ...] = ()
    pattern: str = ""
    lua: LuaVersion | None = None  # None: every cache
    dry_run: bool = False

    def perform(self, engine: Services, context: Context) -> ClearReport:
        keys = self.keys or (() if self.pattern else None)
        caches = engine.caches.all() if self.lua is None else [engine.caches.get(self.lua)]
        reports = [cache.clear(keys, pattern=self.pattern, dry_run=self.dry_run) for cache in caches]
        report = ClearReport(
            files=sum(report.files for report in reports),
            freed_bytes=sum(report.freed_bytes for report in reports),
            retained_bytes=sum(report.retained_bytes for report in reports),
            vms_on_old_code=tuple(sorted({vm for report in reports for vm in report.vms_on_old_code})),
            dry_run=self.dry_run,
        )
        if not self.dry_run:
            text = f"{report.files:,} files, {report.freed_bytes:,} bytes freed, {report.retained_bytes:,} retained"
            engine.recorder.mark("clear" if keys is None else "evict", text)
        return report
