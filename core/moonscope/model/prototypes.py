"""What is inside a compiled file.

They never cross a boundary: a chunk does, as its bytes, and `moonscope.bytecode` makes these of it. There may be
millions, and there are no cycles among them: with `gc=False` the collector, which stops all threads, passes them by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self, TypeAlias, TypeVar

from msgspec import Struct

from .words import LuaVersion

PrototypePath: TypeAlias = tuple[int, ...]
"""Where a prototype is in its tree: the index of the child at each level. () is the main function."""


class _Nested(Protocol):
    @property
    def children(self) -> Sequence[Self]: ...


N = TypeVar("N", bound=_Nested)


def walk(root: N) -> Iterator[tuple[PrototypePath, N]]:
    """Something that has children, and all below it, with their paths; each before its children, as luac lists them."""
    waiting: list[tuple[PrototypePath, N]] = [((), root)]
    while waiting:
        path, found = waiting.pop()
        yield path, found
        if found.children:
            waiting += [((*path, at), child) for at, child in enumerate(found.children)][::-1]


class Instruction(Struct, frozen=True, gc=False):
    """One VM instruction. `operands` are in the order of the reference listing."""

    pc: int  # counted from 1, as luac does
    line: int  # 0 when stripped
    opcode: str
    operands: tuple[int, ...] = ()
    comment: str = ""  # the decoded meaning, as luac words it
    target: int | None = None  # pc this instruction may jump to


class Local(Struct, frozen=True, gc=False):
    name: str
    start_pc: int  # as luac prints them
    end_pc: int


class Upvalue(Struct, frozen=True, gc=False):
    name: str
    in_stack: bool
    index: int
    kind: int = 0


class Prototype(Struct, frozen=True, kw_only=True, gc=False):
    """A function prototype: what a closure points at. Line 0 is a main function."""

    source: str
    line: int
    last_line: int
    parameters: int
    vararg: bool
    stack_size: int
    size: int  # bytes in a 64-bit VM: code + constants array + debug info + header, strings apart
    code: Sequence[Instruction] = ()  # made one by one as they are asked for (`moonscope.bytecode.code`)
    constants: tuple[str, ...] = ()  # as the listing shows them
    constant_types: tuple[str, ...] = ()
    upvalues: tuple[Upvalue, ...] = ()
    locals: tuple[Local, ...] = ()
    children: tuple[Prototype, ...] = ()
    name: str = ""  # best known name from the code that creates it; "" when unknown

    def walk(self) -> Iterator[Prototype]:
        """This prototype and all below it, each before its children, as luac lists them."""
        return (prototype for _, prototype in walk(self))

    @property
    def total(self) -> int:
        """The number of prototypes: this one and all below it."""
        return sum(1 for _ in self.walk())


class PrototypeTree(Struct, frozen=True, kw_only=True):
    """A chunk that was read."""

    lua: LuaVersion
    key: str
    root: Prototype
    generation: int | None = None
    notice: str = ""  # what could not be read, and why
