"""One connection of one client, from its first byte to its last.

Three tasks on the host's loop: one reads, one writes, one follows the engine's changes. A client that stops reading
stops only its own three.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import Any

from ..commands import Command, Shutdown
from ..commands.codec import decode_command
from ..errors import AuthenticationFailed, ConnectionLost, MoonscopeError, ProtocolError, UnsupportedError, UsageError
from ..wire import PROOF_LIMIT, REFUSED, Challenge
from ..wire.framing import STALL_SECONDS
from ..wire.messages import (
    VERSION,
    Cancel,
    ErrorInfo,
    Hello,
    Ping,
    Pong,
    Refused,
    Request,
    Welcome,
    decode_from_client,
    encode,
)
from .outbox import Outbox
from .requests import Requests, answered, failed
from .service import Service
from .stream import Stream
from .subscription import Subscription
from .updates import Updates

log = logging.getLogger("moonscope.host")

_LAST_MESSAGE_SECONDS = 1.0  # for the last message to be read


class Session:
    """`run` returns when the client is gone; `end` makes it go. What it had asked for is cancelled then."""

    def __init__(self, stream: Stream, service: Service, updates: Updates, proven: Callable[[Session], None]) -> None:
        """`proven` is called when the client has proven that it knows the key; it may raise a MoonscopeError."""
        self._stream = stream
        self._service = service
        self._proven = proven
        self._outbox = Outbox(stream)
        self._subscription = Subscription(updates, self._outbox)
        self._requests = Requests(service, self._send_answer, self._send_progress)
        self._ended = asyncio.Event()
        self._patience = _LAST_MESSAGE_SECONDS
        self._recheck: asyncio.TimerHandle | None = None

    def end(self, reason: MoonscopeError, *, drop: bool = False) -> None:
        """Tell the client why, and let go of it. On the loop.

        With `drop`, for one who does not read, it is not sent what it was to read before, and has time to come back.
        """
        self._outbox.stop(_refused(reason), drop=drop)  # dropped if there was a last message before
        self._patience = STALL_SECONDS if drop else _LAST_MESSAGE_SECONDS
        self._ended.set()

    async def run(self) -> None:
        """Serve the client: handshake, version, then its requests and the engine's changes. On the loop."""
        try:
            async with asyncio.timeout(self._service.limits.handshake_seconds):
                await self._authenticate()
            self._proven(self)
            async with asyncio.timeout(STALL_SECONDS):
                await self._agree()
        except (ConnectionLost, TimeoutError):
            pass
        except MoonscopeError as error:
            log.warning("refused a connection: %s", error)
            await self._refuse(error)
        else:
            await self._serve()
        finally:
            self._stream.close()

    async def _authenticate(self) -> None:
        stream = self._stream
        challenge = Challenge(self._service.key)
        await stream.send(challenge.greeting)
        try:
            proof = challenge.accept(await stream.receive(PROOF_LIMIT))
        except AuthenticationFailed:
            await stream.send(REFUSED)
            raise
        await stream.send(proof)

    async def _agree(self) -> None:
        """On the version."""
        hello = decode_from_client(await self._stream.receive(self._service.limits.message_bytes))
        if not isinstance(hello, Hello):
            raise ProtocolError("the first message of a client must be Hello")
        if hello.version != VERSION:
            raise ProtocolError(
                f"this host speaks version {VERSION} of the protocol and the client version {hello.version}: "
                "use the same version of Moonscope on both sides"
            )
        self._outbox.send(encode(Welcome(VERSION, os.getpid(), "moonscope", self._service.embedded)))

    async def _refuse(self, error: MoonscopeError) -> None:
        with contextlib.suppress(ConnectionLost, TimeoutError):
            async with asyncio.timeout(_LAST_MESSAGE_SECONDS):
                await self._stream.send(_refused(error))
        await self._stream.finish(_LAST_MESSAGE_SECONDS)

    async def _serve(self) -> None:
        sending = asyncio.create_task(self._outbox.run())
        others = [asyncio.create_task(work) for work in (self._read(), self._follow(), self._ended.wait())]
        try:
            await asyncio.wait((sending, *others), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._requests.cancel_all()
            self._outbox.stop()
            for task in others:
                task.cancel()
            await asyncio.wait(others)
            await asyncio.wait((sending,), timeout=self._patience)
            sending.cancel()
        await self._stream.finish(_LAST_MESSAGE_SECONDS)

    async def _read(self) -> None:
        limits = self._service.limits
        try:
            while True:
                await self._outbox.below(limits.backlog_bytes)
                self._handle(await self._stream.receive(limits.message_bytes))
        except ConnectionLost as error:
            log.info("stopped receiving: %s", error)
        except ProtocolError as error:
            log.warning("closed a connection: %s", error)
            self.end(error)
        except Exception as error:
            log.exception("unexpected error while reading what a client says")
            self.end(MoonscopeError(f"unexpected error in the host: {type(error).__name__}: {error}"))

    async def _follow(self) -> None:
        try:
            await self._subscription.run()
        except Exception as error:
            log.exception("unexpected error while reading the engine's changes")
            self.end(MoonscopeError(f"the host cannot read its own state: {type(error).__name__}: {error}"))

    def _handle(self, data: bytes) -> None:
        match decode_from_client(data):
            case Cancel(id=id):
                self._requests.cancel(id)
            case Ping():
                self._outbox.send(encode(Pong()), instead_of="pong")
            case Request(id=id, command=data):
                try:
                    self._begin(id, decode_command(data))
                except (UsageError, UnsupportedError) as error:
                    self._outbox.send(failed(id, error))
            case Hello():
                raise ProtocolError("a client said Hello twice")

    def _begin(self, id: int, command: Command[Any]) -> None:
        if not isinstance(command, Shutdown):
            self._requests.begin(id, command)
        elif not self._service.embedded:
            text = "this host belongs to another program, which alone can end it; detach from it instead"
            raise UnsupportedError(text)
        else:
            self._outbox.send(answered(id, None))
            self._service.shutdown.set()

    def _send_answer(self, message: bytes, before: Callable[[], None]) -> None:
        self._subscription.answer(message, before)
        self._check_unread()

    def _send_progress(self, id: int, message: bytes) -> None:
        self._outbox.send(message, instead_of=("progress", id))

    def _check_unread(self) -> None:
        """Let go of a client for which too much waits when it reads nothing; look again if it has just stopped."""
        limits, outbox = self._service.limits, self._outbox
        unread = outbox.unsent + outbox.held
        if unread < limits.unread_bytes or self._ended.is_set():
            return
        if self._stream.stalled() >= limits.unread_seconds:
            text = f"{unread:,} bytes of answers were not read for {limits.unread_seconds:g} seconds"
            log.warning("closed a connection: %s", text)
            self.end(UsageError(text), drop=True)
        elif self._recheck is None:
            self._recheck = asyncio.get_running_loop().call_later(limits.unread_seconds, self._check_again)

    def _check_again(self) -> None:
        self._recheck = None
        self._check_unread()


def _refused(error: MoonscopeError) -> bytes:
    return encode(Refused(ErrorInfo(error.code, str(error))))
