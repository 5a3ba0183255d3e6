"""A tree of prototypes as it is sent and kept: small, and unpacked in steps."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..errors import ProtocolError
from .prototypes import Instruction, Prototype, PrototypeTree
from .words import LuaVersion

PIECE = 2000  # instructions and constants
"""What is decoded in one go: some milliseconds, during which no other thread of the process runs Python."""
_LARGEST = 64 * 1024 * 1024  # bytes of a piece that a peer may make us unpack
_LEVEL = 1  # of compression: eight times smaller already


class _Part(Struct, frozen=True, array_like=True, gc=False):
    """A stretch of a prototype's code and constants; with the last one come the rest of it and the number of nested
    prototypes, which came before."""

    code: tuple[Instruction, ...]
    constants: tuple[str, ...]
    constant_types: tuple[str, ...]
    prototype: Prototype | None = None
    children: int = 0


class PackedTree(Struct, frozen=True, kw_only=True):
    """A `PrototypeTree`. That of a source of 10 MB has 80 MB as one message, and would take seconds to be decoded
    in one go."""

    lua: LuaVersion
    key: str
    generation: int | None = None
    notice: str = ""
    pieces: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(map(len, self.pieces))


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[tuple[_Part, ...]] = msgspec.msgpack.Decoder(tuple[_Part, ...])


def pack(tree: PrototypeTree) -> PackedTree:
    pieces = []
    waiting: list[_Part] = []
    weight = 0
    for part in _parts(tree.root):
        waiting.append(part)
        weight += 10 + len(part.code) + len(part.constants)
        if weight >= PIECE:
            pieces.append(zlib.compress(_encoder.encode(waiting), _LEVEL))
            waiting, weight = [], 0
    if waiting:
        pieces.append(zlib.compress(_encoder.encode(waiting), _LEVEL))
    return PackedTree(
        lua=tree.lua, key=tree.key, generation=tree.generation, notice=tree.notice, pieces=tuple(pieces)
    )


def unpack(packed: PackedTree) -> PrototypeTree:
    """Takes two seconds for a source of 10 MB, in steps. Raises ProtocolError for what `pack` did not make."""
    finished: list[Prototype] = []
    code: list[Instruction] = []
    constants: list[str] = []
    types: list[str] = []
    for part in (part for piece in packed.pieces for part in _opened(piece)):
        code += part.code
        constants += part.constants
        types += part.constant_types
        if part.prototype is None:
            continue
        if not 0 <= part.children <= len(finished):
            raise ProtocolError("a packed tree of prototypes with a nested one missing")
        at = len(finished) - part.children
        finished[at:] = [
            replace(
                part.prototype,
                code=tuple(code),
                constants=tuple(constants),
                constant_types=tuple(types),
                children=tuple(finished[at:]),
            )
        ]
        code, constants, types = [], [], []
    if len(finished) != 1:
        raise ProtocolError("a packed tree of prototypes without a main function")
    return PrototypeTree(
        lua=packed.lua, key=packed.key, root=finished[0], generation=packed.generation, notice=packed.notice
    )


def _parts(root: Prototype) -> Iterator[_Part]:
    """Nested prototypes first, in their order."""
    order: list[Prototype] = []
    waiting = [root]
    while waiting:
        prototype = waiting.pop()
        order.append(prototype)
        waiting += prototype.children
    for prototype in reversed(order):
        code, constants, types = prototype.code, prototype.constants, prototype.constant_types
        at = 0
        while max(len(code), len(constants)) - at > PIECE:
            end = at + PIECE
            yield _Part(code[at:end], constants[at:end], types[at:end])
            at = end
        rest = replace(prototype, code=(), constants=(), constant_types=(), children=())
        yield _Part(code[at:], constants[at:], types[at:], rest, len(prototype.children))


def _opened(piece: bytes) -> tuple[_Part, ...]:
    opener = zlib.decompressobj()
    try:
        data = opener.decompress(piece, _LARGEST)
        if opener.unconsumed_tail:
            raise ProtocolError(f"a piece of a packed tree of prototypes is over {_LARGEST:,} bytes")
        return _decoder.decode(data)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a packed tree of prototypes: {error}") from error
