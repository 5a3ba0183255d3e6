"""What is inside a compiled file.

They never cross a boundary: a chunk does, as its bytes, and `moonscope.bytecode` makes these of it. There may be
millions, and there are no cycles among them: with `gc=False` the collector, which stops all threads, passes them by.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from .words import LuaVersion


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

    @property
    def total(self) -> int:
        """This prototype and all below it."""
        return 1 + sum(child.total for child in self.children)


class PrototypeTree(Struct, frozen=True, kw_only=True):
    """A chunk that was read."""

    lua: LuaVersion
    key: str
    root: Prototype
    generation: int | None = None
    notice: str = ""  # what could not be read, and why
