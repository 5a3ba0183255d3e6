"""Ending what VMs run, by steps: interrupt it; what goes on is abandoned; what is abandoned ends with the engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from moonscope.commands import Interrupt
from moonscope.model import InterruptReport, StuckVM, VMState

from ...link.context import Context
from ...widgets import formats
from ...widgets.message_bar import Message
from ..feature import Feature

_TOPIC = "interrupt"


class InterruptsFeature(Feature):
    """Interrupts the selected VMs, or all; asked again, it goes a step further, after a question."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._restart = context.restart_wanted.emit
        self._stuck: dict[int, StuckVM] = {}  # those that went on when they were interrupted here; rows come later
        self.offer("interrupt", "&Interrupt", "Stop what runs in the selected VMs, or in all; they can be used on",
                   self.interrupt, {"&VMs": 430, "vms": 320, "toolbar": 240}, icon="interrupt", shortcut="Ctrl+.",
                   usable=lambda: bool(context.state.vms), button="Interrupt")  # fmt: skip

    def interrupt(self) -> None:
        vms = self._context.selection.vms()
        rows = self._context.state.vms
        asked = [row for row in rows.values() if not vms or row.id in vms]
        running = [row.id for row in asked if row.state is VMState.RUNNING]
        known = self._stuck | {row.id: StuckVM(row.id, row.stuck) for row in asked if row.stuck}
        stuck = [known[vm] for vm in running if vm in known]
        if stuck:
            self._ask_abandon(stuck, running)
        elif not running and self._abandoned():
            self._restart()
        else:
            self._send(vms)

    def _send(self, vms: Sequence[int]) -> None:
        self._context.tasks.start(f"Interrupt {formats.vms(vms)}", Interrupt(tuple(vms)), self._interrupted)

    def _interrupted(self, report: InterruptReport) -> None:
        self._stuck = {stuck.vm: stuck for stuck in report.still_running}
        ended = f"{formats.plural(len(report.ended), 'VM')} interrupted"
        if not report.still_running and not report.abandoned:
            self._context.note(ended)
            return
        lines = [f"VM {stuck.vm} goes on: {_inside(stuck)}." for stuck in report.still_running]
        lines += [f"VM {stuck.vm} was abandoned: {_inside(stuck)}." for stuck in report.abandoned]
        if report.ended:
            lines.append(f"{ended}.")
        details = "\n".join(lines) if len(lines) > 1 else ""
        text = lines[0] + (f" {formats.plural(len(lines) - 1, 'more line')} in the details." if details else "")
        if report.still_running:
            still = list(report.still_running)
            ask = partial(self._ask_abandon, still, [stuck.vm for stuck in still])
            offer = f"Abandon {formats.vms([stuck.vm for stuck in still])}…"
            self._context.say(Message(text, details, "warning", offer, ask, _TOPIC))
        else:
            text += " Its memory stays in use until it returns; only an engine that is started anew ends it."
            self._context.say(Message(text, details, "warning", "Restart Engine…", self._restart, _TOPIC))

    def _ask_abandon(self, stuck: Sequence[StuckVM], vms: Sequence[int]) -> None:
        """`stuck` are those that the question is about, `vms` all that are interrupted."""
        from ...widgets.confirm import ConfirmDialog

        which = formats.vms([each.vm for each in stuck])
        inside = "\n".join(f"VM {each.vm}: {_inside(each)}." for each in stuck)
        rows = (self._context.state.vms.get(each.vm) for each in stuck)
        memory = formats.size(sum(row.memory for row in rows if row is not None))
        text = (
            f"{inside}\n\nNothing can end that. {which} will be lost with all that is in it: it is listed no more, and "
            f"nothing can be run in it. {memory} stay in use until it returns. Other VMs go on."
        )
        accept = partial(self._send, list(vms))
        ConfirmDialog(f"Abandon {which}", text, f"Abandon {which}", accept, self._context.window).open()

    def _abandoned(self) -> int:
        sample = self._context.state.sample
        return sample.abandoned_vms if sample is not None else 0


def _inside(stuck: StuckVM) -> str:
    return f"it is inside {stuck.inside or 'a C function'}"
