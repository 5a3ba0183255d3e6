"""What all connections of one host share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..model import Update
from ..protocol import (
    MAX_MESSAGE,
    AnyCommand,
    Clear,
    Close,
    Holders,
    Inspect,
    InspectFile,
    Interrupt,
    Result,
    SetMode,
)
from .lane import Lane

_QUICK = (Interrupt, Close, SetMode, Holders, Clear)
_READING = (Holders, Inspect, InspectFile)


class EngineLike(Protocol):
    """What a host needs of an engine (`moonscope.engine.Engine` is one). All methods: any thread."""

    def perform(
        self,
        command: AnyCommand,
        progress: Callable[[int, int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Result:
        """Carry a command out; `progress(done, total, text)`, first as soon as commands that follow may begin. Raises
        MoonscopeError."""

    def changes(self, since: int) -> Update:
        """What has changed since a revision; 0 gives a whole snapshot. Does not block."""

    def wait(self, since: int, timeout: float) -> bool:
        """True as soon as there is a revision newer than `since`, False after `timeout` seconds."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    """What one connection may cost the others."""

    handshake_seconds: float = 5.0  # from connecting to a complete Hello
    requests: int = 256  # unanswered ones of one connection
    backlog_bytes: int = 16 * 1024 * 1024  # unread answers after which no further request is read
    push_bytes: int = 8 * 1024 * 1024  # of one Push; a larger Update is sent in parts
    push_gap: float = 0.05  # seconds, at least, between two pushes, unless an answer waits
    progress_gap: float = 0.1  # seconds, at least, between two Progress messages of a request
    connections: int = 128
    message_bytes: int = MAX_MESSAGE


@dataclass(frozen=True)
class Service:
    """One engine, its key, and the threads that carry requests out.

    Two lanes, so that what a person does to stop something never stands behind what it should stop. Within the slow
    lane, the commands of one client begin in the order they were sent, whatever lane those before them are in: two runs
    in one VM follow each other, and what is loaded after a clear is compiled again.
    """

    engine: EngineLike
    key: bytes
    embedded: bool
    limits: Limits
    slow: Lane = field(default_factory=lambda: Lane("moonscope-slow", 8))
    quick: Lane = field(default_factory=lambda: Lane("moonscope-quick", 4))
    shutdown: threading.Event = field(default_factory=threading.Event)

    def lane_for(self, command: AnyCommand) -> Lane:
        return self.quick if isinstance(command, _QUICK) else self.slow

    def waits_its_turn(self, command: AnyCommand) -> bool:
        """Whether it begins after the commands that its client sent before it."""
        return not isinstance(command, _QUICK + _READING)

    def holds_others(self, command: AnyCommand) -> bool:
        """Whether the commands that its client sends after it wait until it has begun."""
        return not isinstance(command, _READING)
