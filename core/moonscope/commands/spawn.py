from __future__ import annotations

from msgspec.structs import replace

from ..errors import CancelledError
from ..model import Context, Sharing, SpawnReport, VMOptions
from .command import Command, Services, vms_text


class Spawn(Command[SpawnReport], frozen=True):
    """Make VMs and run their boot scripts. A VM whose script fails is reported, and stays."""

    count: int = 1
    options: VMOptions = VMOptions()

    def perform(self, engine: Services, context: Context) -> SpawnReport:
        options, settings = self.options, engine.change_log.settings
        if options.sharing is Sharing.AUTO and settings.default_sharing is Sharing.OFF:
            options = replace(options, sharing=Sharing.OFF)
        options = replace(
            options,
            mode=options.mode or settings.default_mode,
            libraries=options.libraries or settings.default_libraries,
        )
        try:
            with engine.caches.spawning(options.lua, options.sharing) as cache:
                report = engine.pool.spawn(cache, options, self.count, context)
        except CancelledError as error:
            engine.recorder.mark("spawn", str(error))
            raise
        engine.recorder.mark("spawn", f"{vms_text(len(report.vms))} of {options.lua.full_name}")
        engine.recorder.mark_failures([(failure.vm, failure.message) for failure in report.failures])
        return report
