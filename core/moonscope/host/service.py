"""What all connections of one host share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..commands import Command
from ..commands.command import R
from ..model import Context, Update
from ..wire.messages import MAX_MESSAGE
from .thread_pool import ThreadPool


@runtime_checkable
class EngineLike(Protocol):
    """What a host needs of an engine (`moonscope.engine.Engine` is one). All methods: any thread."""

    def perform(self, command: Command[R], context: Context) -> R:
        """Carry a command out; the first progress is reported as soon as commands that follow may begin. Raises
        MoonscopeError."""

    def changes(self, since: int) -> Update:
        """What has changed since a revision; 0 gives a whole snapshot. Does not block."""

    def wait(self, since: int, timeout: float) -> bool:
        """True as soon as there is a revision newer than `since`, False after `timeout` seconds."""

    def close(self) -> None:
        """End all VMs and threads. Idempotent."""


@dataclass(frozen=True)
class Limits:
    """What one connection may cost the others."""

    handshake_seconds: float = 2.0  # from connecting to the proof that the client knows the key
    unauthenticated: int = 64  # connections that have not proven the key yet; the oldest is closed for a newer one
    connections: int = 128  # of those that have
    requests: int = 256  # unanswered ones of one connection, and as many again of those that do not wait their turn
    backlog_bytes: int = 16 * 1024 * 1024  # unread answers after which no further request is read
    unread_bytes: int = 64 * 1024 * 1024  # unread answers after which a client that reads nothing is let go …
    unread_seconds: float = 2.0  # … when it has read nothing for so long
    push_bytes: int = 2 * 1024 * 1024  # of one Push; a larger Update is sent in parts
    push_gap: float = 0.05  # seconds, at least, between two pushes, unless an answer waits
    progress_gap: float = 0.1  # seconds, at least, between two Progress messages of a request
    message_bytes: int = MAX_MESSAGE


@dataclass(frozen=True)
class Service:
    """One engine, its key, and the threads that carry requests out. Raises NoThread.

    A command that waits for VMs has a thread of its own, so none waits behind another; how many a client may have is
    limited by its unanswered requests. Those that never wait for a VM have threads that are there from the start: they
    are carried out even when the system gives no further thread.

    The commands of one client begin in the order they were sent, except those that read, and those with which a person
    stops something: two runs in one VM follow each other, and what is loaded after a clear is compiled again.
    """

    engine: EngineLike
    key: bytes
    embedded: bool
    limits: Limits
    waiting: ThreadPool = field(default_factory=lambda: ThreadPool("moonscope-command"))
    brief: ThreadPool = field(default_factory=lambda: ThreadPool("moonscope-brief", core=2))
    shutdown: threading.Event = field(default_factory=threading.Event)

    def pool_for(self, command: Command[Any]) -> ThreadPool:
        """The threads that carry out `command`."""
        return self.waiting if command.may_wait else self.brief
