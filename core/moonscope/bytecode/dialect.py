"""A `Dialect` ties the layout of one Lua's dumps to its instruction set; each table in `tables` ends in one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .layout import Layout
from .opcodes import Decoder, Family, Opcode


@dataclass(frozen=True)
class Dialect:
    """All that reading, decoding and listing need to know of one Lua."""

    layout: Layout
    family: Family
    opcodes: tuple[Opcode, ...]
    float_format: str  # as luac prints numbers
    integers: bool  # from 5.3 on numbers are integers or floats, and a float is printed so that it looks like one
    header_bytes: int  # a Proto in memory
    upvalue_bytes: int  # one upvalue description in memory
    captures_in_code: bool = False  # 5.1: a CLOSURE is followed by one MOVE or GETUPVAL per upvalue
    data_in_code: bool = False  # 5.1: a SETLIST whose C is 0 is followed by a bare number
    vararg_mask: int = 0xFF  # bits of the vararg byte that make a function vararg
    counts_numbers_apart: bool = False  # LuaJIT: operands name a number or one of the other constants
    first_constant: int = 0  # number of the first constant in a listing
    lists_types: bool = False  # a listing has a column with the type of each constant

    @cached_property
    def decoders(self) -> dict[int, Decoder]:
        return {number: self.family.decoder(opcode) for number, opcode in enumerate(self.opcodes)}

    @cached_property
    def known(self) -> bytes:
        """The lowest bytes that an instruction can have."""
        return bytes(byte for byte in range(256) if byte & self.family.opcode_mask in self.decoders)

    @cached_property
    def jumping(self) -> bytes:
        """For each lowest byte of an instruction 1 when it may jump, else 0."""
        kinds = [self.decoders.get(byte & self.family.opcode_mask) for byte in range(256)]
        return bytes(kind is not None and kind.jump is not None for kind in kinds)

    @cached_property
    def silent(self) -> frozenset[str]:
        """Opcodes whose meaning luac leaves out of its listing."""
        return frozenset(opcode.name for opcode in self.opcodes if opcode.silent)

    @cached_property
    def flagged(self) -> frozenset[str]:
        """Opcodes whose last operand is printed as a letter k, or not at all."""
        return frozenset(opcode.name for opcode in self.opcodes if opcode.flagged)

    @cached_property
    def by_name(self) -> dict[str, Opcode]:
        return {opcode.name: opcode for opcode in self.opcodes}
