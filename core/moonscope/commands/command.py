"""`Command`: the base of all that an engine can be asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from msgspec import Struct

from ..model import Context

if TYPE_CHECKING:  # those who only send commands load none of it
    from ..cache.caches import Caches
    from ..telemetry.change_log import ChangeLog
    from ..telemetry.recorder import Recorder
    from ..vms.pool import VMPool

R = TypeVar("R")


class Command(Struct, Generic[R], frozen=True, kw_only=True, tag=True):
    """A request as a value, answered with an `R`. Both can be sent.

    A host carries out the commands of one client in the order they were sent, as far as `in_turn` and `holds_others`
    ask for it.
    """

    in_turn: ClassVar[bool] = True  # begins after the commands that the same client sent before
    holds_others: ClassVar[bool] = True  # those sent after it, if they are `in_turn`, wait until it has begun
    may_wait: ClassVar[bool] = True  # for VMs or a long file: a host gives it a thread of its own

    def perform(self, engine: Services, context: Context) -> R:
        """Carry it out. Called by the engine, in any thread. Raises MoonscopeError."""
        raise NotImplementedError


@dataclass(frozen=True)
class Services:
    """What a command works on: the parts of one engine."""

    caches: Caches
    pool: VMPool
    recorder: Recorder
    change_log: ChangeLog

def vms_text(count: int) -> str:
    """`1 VM`, `2 VMs`: for messages."""
    return f"{count:,} VM" if count == 1 else f"{count:,} VMs"
