"""A `Dialect` ties the layout of one Lua's dumps to its instruction set; each module in `tables` ends in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from .comments import Comment, Scope
from .formats import FORMAT_LUAJIT, Format
from .layout import Layout
from .opcodes import Jump, Opcode, Operands, read_table

Decoder = tuple[str, Callable[[int, Scope], Operands], Comment | None, Jump | None]
"""Name, operands, comment and target of an opcode, for the loop over a function's code."""


@dataclass(frozen=True)
class Dialect:
    """All that reading, decoding and listing need to know of one Lua."""

    layout: Layout
    form: Format
    table: str  # of its opcodes (see `opcodes`)
    float_format: str  # as luac prints numbers
    integers: bool  # from 5.3 on numbers are integers or floats, and a float is printed so that it looks like one
    header_bytes: int  # a Proto in memory
    upvalue_bytes: int  # one upvalue description in memory
    base: Dialect | None = None  # the one that the table tells the differences from
    data_in_code: bool = False  # 5.1: after a CLOSURE a MOVE or GETUPVAL per upvalue, after a SETLIST perhaps a number
    has_environments: bool = False  # 5.1 and LuaJIT: globals are reached through the function, not through `_ENV`
    first_argument: int = 1  # registers from a function that is called to its first argument
    vararg_mask: int = 0xFF  # bits of the vararg byte that make a function vararg
    first_constant: int = 0  # number of the first constant in a listing
    lists_types: bool = False  # a listing has a column with the type of each constant

    @property
    def is_luajit(self) -> bool:
        """Whether these are dumps of LuaJIT."""
        return self.form is FORMAT_LUAJIT

    @cached_property
    def by_name(self) -> dict[str, Opcode]:
        """In the order of their numbers."""
        return read_table(self.table, self.form, self.base.by_name if self.base else None)

    @cached_property
    def opcodes(self) -> tuple[Opcode, ...]:
        """All opcodes, in the order of their numbers."""
        return tuple(self.by_name.values())

    @cached_property
    def decoders(self) -> tuple[Decoder, ...]:
        """For each opcode, by number: its name, its decoder, its comment and the target of its jump."""
        return tuple([(each.name, each.decode, each.comment, each.jump) for each in self.opcodes])

    @cached_property
    def known(self) -> bytes:
        """The lowest bytes that an instruction can have."""
        return bytes(byte for byte in range(256) if byte & self.form.opcode_mask < len(self.opcodes))

    @cached_property
    def jumping(self) -> bytes:
        """For each lowest byte of an instruction 1 when it may jump, else 0."""
        jumping = {number for number, opcode in enumerate(self.opcodes) if opcode.jump}
        return bytes(byte & self.form.opcode_mask in jumping for byte in range(256))

    @cached_property
    def silent(self) -> frozenset[str]:
        """Opcodes whose comment luac leaves out of its listing."""
        return frozenset(name for name, opcode in self.by_name.items() if opcode.silent)

    @cached_property
    def flagged(self) -> frozenset[str]:
        """Opcodes whose last operand is printed as a letter k, or not at all."""
        return frozenset(name for name, opcode in self.by_name.items() if opcode.kinds.endswith("l"))

    def number(self, name: str) -> int:
        """The number of the opcode called `name`. Raises ValueError when there is none."""
        return list(self.by_name).index(name)
