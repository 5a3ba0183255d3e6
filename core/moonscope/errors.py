"""The errors of Moonscope: one small tree, each with words for a user.

Every message says what happened, where, and what to do. `code` is what crosses the protocol, so that
a client can raise the same class again (see `from_code`).
"""

from __future__ import annotations


class MoonscopeError(Exception):
    """Base of all errors that Moonscope raises on purpose."""

    code = "error"


class UsageError(MoonscopeError):
    """A command cannot be carried out as asked: bad option, unknown VM, missing file."""

    code = "usage"


class NotFoundError(UsageError):
    """The VM, file or generation that was named is not (or no longer) there."""

    code = "not-found"


class UnsupportedError(MoonscopeError):
    """This Lua version, platform or tier cannot do what was asked."""

    code = "unsupported"


class CancelledError(MoonscopeError):
    """The caller cancelled the work; what was done before stays done."""

    code = "cancelled"


class BytecodeError(MoonscopeError):
    """A dumped chunk is truncated, damaged, or of another Lua."""

    code = "bytecode"


class ProtocolError(MoonscopeError):
    """A message is cut off, oversized, of another version, or not understood."""

    code = "protocol"


class AuthenticationFailed(ProtocolError):
    """The key of the other side is wrong."""

    code = "authentication"


class ConnectionLost(MoonscopeError):
    """The host is gone: it was killed, crashed, or closed the connection."""

    code = "connection-lost"


def _tree(cls: type[MoonscopeError]) -> dict[str, type[MoonscopeError]]:
    found = {cls.code: cls}
    for sub in cls.__subclasses__():
        found.update(_tree(sub))
    return found


def from_code(code: str, message: str) -> MoonscopeError:
    """The error that `code` names, or a plain `MoonscopeError` for a code of a newer version."""
    return _tree(MoonscopeError).get(code, MoonscopeError)(message)
