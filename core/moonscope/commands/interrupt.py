from __future__ import annotations

from ..model import Context, InterruptReport
from .command import Command, Services, vms_text


class Interrupt(Command[InterruptReport], frozen=True):
    """End what VMs run. Those that have not ended within 0.5 s are named, and abandoned if interrupted again and still
    not ended. Empty `vms`: all."""

    in_turn = False
    may_wait = False

    vms: tuple[int, ...] = ()

    def perform(self, engine: Services, context: Context) -> InterruptReport:
        report = engine.pool.interrupt(self.vms or None)
        mark = engine.recorder.mark
        if report.ended:
            mark("interrupt", vms_text(len(report.ended)))
        for stuck in report.still_running:
            mark("failure", f"VM {stuck.vm} could not be interrupted: it is inside {stuck.inside}")
        for stuck in report.abandoned:
            mark("failure", f"VM {stuck.vm} was abandoned inside {stuck.inside}: its memory stays in use until then")
        return report
