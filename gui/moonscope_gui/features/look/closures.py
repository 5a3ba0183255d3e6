"""Which VMs hold closures of one prototype."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Slot

from moonscope.commands import FindClosures
from moonscope.model import ClosureCount, LookFunction

from ...link.context import Context
from ...state import look_text
from ...widgets import formats
from ...widgets.message_bar import Message

_TOPIC = "closures"
_LISTED = 200  # VMs that are named one by one


class Closures(QObject):
    """Of a function that is shown, or of a closure found in a VM."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._context = context
        context.closures_wanted.connect(self._find)

    @Slot(object)
    def find(self, function: LookFunction) -> None:
        """Of the prototype of this closure, which belongs to a generation."""
        if function.generation is not None:
            generation, line, last_line = function.generation, function.line, function.last_line
            command = FindClosures(generation=generation, line=line, last_line=last_line)
            self._find(look_text.place_of(function), command)

    @Slot(str, object)
    def _find(self, place: str, command: FindClosures) -> None:
        self._context.tasks.start(f"Find closures of {place}", command, lambda counts: self._tell(place, counts))

    def _tell(self, place: str, counts: Sequence[ClosureCount]) -> None:
        found = sorted((count for count in counts if count.closures), key=lambda count: -count.closures)
        total = sum(count.closures for count in found)
        at_least = "at least " if any(count.cut for count in counts) else ""
        vms = sorted(count.vm for count in found)
        if not found:
            loaded = f"; {formats.plural(len(counts), 'VM')} loaded its file" if counts else ""
            self._context.say(Message(f"No closure of {place} was found{loaded}.", kind="info", topic=_TOPIC))
            return
        where = f"VM {vms[0]}" if len(vms) == 1 else f"{len(vms):,} VMs ({formats.ids(vms)})"
        text = f"{at_least}{formats.plural(total, 'closure')} of {place} in {where}."
        self._context.say(
            Message(
                text[0].upper() + text[1:],
                _lines(found) if len(vms) > 1 else "",
                kind="info",
                offer="Select These VMs" if len(vms) > 1 else "Select This VM",
                accept=partial(self._context.vms_wanted.emit, vms),
                topic=_TOPIC,
            )
        )


def _lines(found: Sequence[ClosureCount]) -> str:
    lines = [
        f"VM {count.vm}: {formats.plural(count.closures, 'closure')}{' or more' if count.cut else ''}"
        for count in found[:_LISTED]
    ]
    if len(found) > _LISTED:
        lines.append(f"and {len(found) - _LISTED:,} more VMs")
    return "\n".join(lines)
