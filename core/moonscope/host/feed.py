"""What one client is told of the engine: Updates as it changes, each answer after the Update that shows its effect."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..transport import Sender
from .parts import pushes
from .service import EngineLike, Limits

_LOOK_SECONDS = 0.25  # between two looks at whether the client is still there


class Feed:
    """`run` sends until `end`; `answer` and `end` may be called from any thread, and never wait for the client."""

    def __init__(self, engine: EngineLike, limits: Limits, sender: Sender) -> None:
        self._engine = engine
        self._limits = limits
        self._sender = sender
        self._lock = threading.Lock()
        self._told = 0  # the revision of the last Update that was sent whole
        self._answers: list[Callable[[], None]] = []  # that wait for the next one
        self._due = threading.Event()  # an answer waits, or the end
        self._ended = False

    def answer(self, send: Callable[[], None]) -> None:
        """Call `send` once the client was told what the engine shows now."""
        with self._lock:
            if self._engine.wait(self._told, 0.0):
                self._answers.append(send)
                self._due.set()
                return
        send()

    def end(self) -> None:
        """Answers that wait are dropped."""
        self._ended = True
        self._due.set()

    def run(self) -> None:
        """The next Update is taken when the last one is sent, so a slow client gets larger ones."""
        while self._sender.wait_below(1) and not self._ended:
            with self._lock:
                self._due.clear()
                answers, self._answers = self._answers, []
            update = self._engine.changes(self._told)
            if update.revision != self._told:  # else those who answered were told meanwhile
                for message in pushes(update, self._limits.push_bytes):
                    self._sender.send(message)
                    self._sender.wait_below(1)
            with self._lock:
                self._told = update.revision
            for send in answers:
                send()
            self._due.wait(self._limits.push_gap)
            while not (self._ended or self._due.is_set() or self._engine.wait(self._told, _LOOK_SECONDS)):
                pass
