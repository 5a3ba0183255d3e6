"""Commands and their answers as bytes (msgpack)."""

from __future__ import annotations

import functools
import operator
from typing import Any, get_args

import msgspec

from ..errors import ProtocolError, UsageError
from ..wire.messages import UNREADABLE
from . import Command
from .command import R

_COMMANDS = Command.__subclasses__()
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Command[Any]] = msgspec.msgpack.Decoder(functools.reduce(operator.or_, _COMMANDS))
_answers: dict[type, msgspec.msgpack.Decoder[Any]] = {
    command: msgspec.msgpack.Decoder(get_args(command.__orig_bases__[0])[0])  # type: ignore[attr-defined]
    for command in _COMMANDS
}


def encode_command(command: Command[Any]) -> msgspec.Raw:
    """Raises UsageError when a field has a wrong type, or a value that cannot be sent."""
    try:
        data = msgspec.Raw(_encoder.encode(command))
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise UsageError(
            f"the command cannot be sent: {half!r} is no character; a byte of a file name is written \\xNN"
        ) from error
    except OverflowError as error:
        raise UsageError("the command cannot be sent: a number in it has more than 64 bits") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{type(command).__name__} cannot be sent: {error}") from error
    decode_command(data)
    return data


def decode_command(data: msgspec.Raw) -> Command[Any]:
    """Raises UsageError for a command that does not exist, or has a field of a wrong type."""
    try:
        return _decoder.decode(data)
    except UNREADABLE as error:
        raise UsageError(_why_unfit(data, error)) from error


def encode_answer(answer: object) -> msgspec.Raw:
    """Raises ValueError or TypeError for what no message can hold."""
    return msgspec.Raw(_encoder.encode(answer))


def decode_answer(command: Command[R], data: msgspec.Raw) -> R:
    """Raises ProtocolError when it is not an answer to that command."""
    try:
        answer: R = _answers[type(command)].decode(data)
    except UNREADABLE as error:
        raise ProtocolError(f"not an answer to {type(command).__name__}: {error}") from error
    return answer


class _Named(msgspec.Struct):
    type: str = "the command"


def _why_unfit(command: msgspec.Raw, error: Exception) -> str:
    """The command and its field, as `Load: paths: expected array, got str`."""
    try:
        name = msgspec.msgpack.decode(command, type=_Named).type
    except UNREADABLE:
        name = "the command"
    text, _, where = str(error).replace("`", "").partition(" - at $")
    where = where.removeprefix(".")
    if where == "type":
        return f"there is no command {name!r}"
    return ": ".join(filter(None, (name, where, text[:1].lower() + text[1:])))
