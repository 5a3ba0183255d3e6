"""The protocol between a host and its clients: what is said, and in which version.

A connection carries whole messages (bytes, msgpack by `msgspec`) over a local socket on which both sides have
proven that they know the same key (see `moonscope.wire`). Then:

    client → host   Hello                       first message; another version is answered with Refused
    host → client   Welcome | Refused
    client → host   Request | Cancel            requests carry ids chosen by the client
    client → host   Ping                        when nothing came for a second; answered with Pong at once
    host → client   Progress* then Response     for each request; late answers are the client's to drop
    host → client   Push                        an Update; the first one is a whole snapshot, each further one
                                                continues the last (a large one comes in parts); the one that shows
                                                what a request changed comes before the Response
    host → client   Refused                     at any time, as the last message: why the host ends the connection

Errors cross as data: `Response.error` has the code of `moonscope.errors` and a text for the user. A command that does
not exist, or has a field of a wrong type, is answered with such an error; other bytes that are no message end the
connection.
Nothing is ever unpickled.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ..errors import ProtocolError, UsageError
from ..model import (
    CacheMode,
    ClearReport,
    ClosureCount,
    InterruptReport,
    LoadReport,
    LookLevel,
    LookStep,
    LuaVersion,
    RunResult,
    SpawnReport,
    Update,
    VMOptions,
)

VERSION = 2
MAX_MESSAGE = 64 * 1024 * 1024  # bytes; larger messages are refused before they are read


class Command(Struct, frozen=True, kw_only=True, tag=True):
    """Base of all commands; the engine has a method for each (see `Engine.perform`)."""


class Spawn(Command, frozen=True):
    count: int = 1
    options: VMOptions = VMOptions()


class Load(Command, frozen=True):
    """Load files (folders are searched for `.lua`) into VMs and keep the functions. Empty `vms`: all."""

    paths: tuple[str, ...]
    vms: tuple[int, ...] = ()


class RunChunk(Command, frozen=True):
    """Run Lua source in VMs; an expression may be given as in Lua's own prompt. Empty `vms`: all."""

    vms: tuple[int, ...]
    source: str
    chunkname: str = "=console"


class RunFile(Command, frozen=True):
    vms: tuple[int, ...]
    path: str


class Collect(Command, frozen=True):
    vms: tuple[int, ...] = ()


class Interrupt(Command, frozen=True):
    """End what VMs run. Those that have not ended within 0.5 s are named, and abandoned if interrupted again and still
    not ended. Empty `vms`: all."""

    vms: tuple[int, ...] = ()


class Close(Command, frozen=True):
    """Tear VMs down; running ones are interrupted first. Empty `vms`: all. An error names those that cannot be ended;
    closed again, they are abandoned."""

    vms: tuple[int, ...] = ()


class SetMode(Command, frozen=True):
    """Set the cache mode of VMs; empty `vms`: the default for VMs to come."""

    mode: CacheMode
    vms: tuple[int, ...] = ()


class SetLimits(Command, frozen=True):
    """How much the cache of each Lua may store, 0: no limit; see `CodeCache.set_limits`."""

    cache_bytes: int = 0
    cache_files: int = 0


class Clear(Command, frozen=True):
    """Clear the cache. `pattern` is a file-name pattern (`*`, `?`, `[…]`), `keys` exact names; both empty: all."""

    keys: tuple[str, ...] = ()
    pattern: str = ""
    lua: LuaVersion | None = None  # None: every cache
    dry_run: bool = False


class Inspect(Command, frozen=True):
    """The compiled chunk of a stored generation."""

    generation: int


class InspectFile(Command, frozen=True):
    """The compiled chunk of a file on disk, made by the host, not stored."""

    path: str
    lua: LuaVersion = LuaVersion.LUA54


class Holders(Command, frozen=True):
    """The ids of the VMs that hold a generation."""

    generation: int


class LookInto(Command, frozen=True):
    """What is in a VM, one level: entries of the value that `path` leads to (empty: where paths begin)."""

    vm: int
    path: tuple[LookStep, ...] = ()
    offset: int = 0
    limit: int = 200  # at most 500


class FindClosures(Command, frozen=True):
    """The closures of one prototype, named by its lines, in all VMs that hold its generation."""

    generation: int
    line: int
    last_line: int


class Shutdown(Command, frozen=True):
    """End the host (only a host that was started for a window obeys)."""


AnyCommand = (
    Spawn
    | Load
    | RunChunk
    | RunFile
    | Collect
    | Interrupt
    | Close
    | SetMode
    | SetLimits
    | Clear
    | Inspect
    | InspectFile
    | Holders
    | LookInto
    | FindClosures
    | Shutdown
)


class Runs(Struct, frozen=True, tag=True):
    """The answer to RunChunk and RunFile: one result per VM."""

    results: tuple[RunResult, ...] = ()


class Done(Struct, frozen=True, tag=True):
    """The answer to commands that give only a number of things done."""

    count: int = 0


class Interrupted(Struct, frozen=True, tag=True):
    report: InterruptReport


class VMList(Struct, frozen=True, tag=True):
    vms: tuple[int, ...] = ()


class Spawned(Struct, frozen=True, tag=True):
    report: SpawnReport


class Loaded(Struct, frozen=True, tag=True):
    report: LoadReport


class Cleared(Struct, frozen=True, tag=True):
    report: ClearReport


class Inspected(Struct, frozen=True, tag=True):
    """The answer to Inspect and InspectFile: a chunk as `string.dump` gives it, whole. `moonscope.bytecode.read` makes
    prototypes of it, on the side of whoever wants to read them: a host does not work for its readers."""

    lua: LuaVersion
    key: str
    dump: bytes
    generation: int | None = None


class Looked(Struct, frozen=True, tag=True):
    level: LookLevel


class Closures(Struct, frozen=True, tag=True):
    """One count for each VM that holds the generation."""

    counts: tuple[ClosureCount, ...] = ()


Result = Runs | Done | Interrupted | VMList | Spawned | Loaded | Cleared | Inspected | Looked | Closures


class ErrorInfo(Struct, frozen=True):
    code: str
    message: str


class Hello(Struct, frozen=True, tag=True):
    version: int
    client: str = ""


class Welcome(Struct, frozen=True, tag=True):
    version: int
    pid: int
    host: str = ""
    embedded: bool = False  # True: the host belongs to a window and ends with it


class Refused(Struct, frozen=True, tag=True):
    error: ErrorInfo


class Request(Struct, frozen=True, tag=True):
    id: int
    command: AnyCommand


class Cancel(Struct, frozen=True, tag=True):
    id: int


class Ping(Struct, frozen=True, tag=True):
    """Is the host there?"""


class Pong(Struct, frozen=True, tag=True):
    """It is."""


class Unfit(Struct, frozen=True):
    """What is read instead of a Request whose command cannot be carried out."""

    id: int
    error: UsageError


class Progress(Struct, frozen=True, tag=True):
    id: int
    done: int
    total: int
    text: str = ""


class Response(Struct, frozen=True, tag=True):
    id: int
    result: Result | None = None
    error: ErrorInfo | None = None


class Push(Struct, frozen=True, tag=True):
    update: Update


FromClient = Hello | Request | Cancel | Ping
FromHost = Welcome | Refused | Progress | Response | Push | Pong


class _Envelope(Struct, frozen=True, tag="Request"):
    """A Request whose command is not read yet."""

    id: int
    command: msgspec.Raw


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.msgpack.Encoder()
_from_client: msgspec.msgpack.Decoder[Hello | _Envelope | Cancel | Ping] = msgspec.msgpack.Decoder(
    Hello | _Envelope | Cancel | Ping
)
_from_host: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)
_command: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


def encode(message: FromClient | FromHost) -> bytes:
    """One message as bytes. Raises ProtocolError when it is larger than `MAX_MESSAGE`."""
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(data):,} bytes is over the limit of {MAX_MESSAGE:,}")
    return data


def encode_request(id: int, command: AnyCommand) -> bytes:
    """A Request that a host can read. Raises UsageError when a field of the command has a wrong type, or a value that
    cannot be sent; ProtocolError when it is too large."""
    try:
        data = encode(Request(id, command))
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise UsageError(
            f"the command cannot be sent: {half!r} is no character; a byte of a file name is written \\xNN"
        ) from error
    except OverflowError as error:
        raise UsageError("the command cannot be sent: a number in it has more than 64 bits") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{type(command).__name__} cannot be sent: {error}") from error
    match decode_from_client(data):
        case Unfit(error=unfit):
            raise unfit
    return data


def decode_from_client(data: bytes) -> FromClient | Unfit:
    """Raises ProtocolError for bytes that are no message of a client."""
    try:
        message = _from_client.decode(data)
    except _UNREADABLE as error:
        raise ProtocolError(f"not a message of a Moonscope client: {error}") from error
    if not isinstance(message, _Envelope):
        return message
    try:
        return Request(message.id, _command.decode(message.command))
    except _UNREADABLE as error:
        return Unfit(message.id, UsageError(_why_unfit(message.command, error)))


def decode_from_host(data: bytes) -> FromHost:
    """Raises ProtocolError for bytes that are no message of a host."""
    try:
        return _from_host.decode(data)
    except _UNREADABLE as error:
        raise ProtocolError(f"not a message of a Moonscope host: {error}") from error


class _Named(Struct):
    type: str = "the command"


def _why_unfit(command: msgspec.Raw, error: Exception) -> str:
    """The command and its field, as `Load: paths: expected array, got str`."""
    try:
        name = msgspec.msgpack.decode(command, type=_Named).type
    except _UNREADABLE:
        name = "the command"
    text, _, where = str(error).replace("`", "").partition(" - at $")
    where = where.removeprefix(".")
    if where == "type":
        return f"there is no command {name!r}"
    return ": ".join(filter(None, (name, where, text[:1].lower() + text[1:])))
