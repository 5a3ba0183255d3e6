"""Values followed through the instructions of a function. What a value is, and what comes of reading, writing and
calling, is up to who follows (`names`, and `analysis.globals`).

A *slot* is where a value can be: a register from 0 up, or an upvalue as `upvalue_slot(n)`, below 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from ..model import Instruction
from .code import Code
from .dialect import Dialect
from .opcodes import Opcode, Operands

Operation: TypeAlias = tuple[int, Opcode | None, Operands]
"""The pc of an instruction, what is carried out there, if anything, and with which operands."""
V = TypeVar("V")


def upvalue_slot(index: int) -> int:
    """The slot of the upvalue `index`: negative, as those of registers are 0 and more."""
    return -1 - index


def operations(code: Sequence[Instruction], upvalues: Sequence[int], dialect: Dialect) -> Iterator[Operation]:
    """Those of a function whose nested functions have so many upvalues."""
    if isinstance(code, Code):
        found = code.operations()
    else:
        found = ((each.pc, dialect.by_name.get(each.opcode), each.operands) for each in code)
    return _without_captures(found, upvalues) if dialect.data_in_code else found


def _without_captures(found: Iterator[Operation], upvalues: Sequence[int]) -> Iterator[Operation]:
    """5.1: the instructions that tell of a closure what its upvalues are do nothing by themselves."""
    captures = 0  # up to this pc
    for pc, opcode, operands in found:
        if pc <= captures:
            yield pc, None, operands
            continue
        yield pc, opcode, operands
        if opcode is not None and opcode.kinds == "rp" and operands[1] < len(upvalues):
            captures = pc + upvalues[operands[1]]


class Follower(ABC, Generic[V]):
    """Knows, before each instruction, what is in the slots as far as that can be told."""

    def __init__(self) -> None:
        self.pc = 0  # of the instruction that is carried out
        self.state: dict[int, V] = {}  # by slot

    def step(self, operation: Operation) -> None:
        """Carry out an instruction."""
        self.pc, opcode, operands = operation
        if opcode is not None and opcode.carry_out is not None:
            opcode.carry_out(self, operands)

    # What opcodes do

    def known(self, slot: int) -> V | None:
        """What is in a slot."""
        return self.state.get(slot)

    def load(self, slot: int) -> V | None:
        """What is copied from a slot, or read as a table: what may be there can be taken to be there."""
        return self.state.get(slot)

    def store(self, slot: int, value: V | None) -> None:
        """An instruction writes `value` to `slot`; None: a value that is not followed."""
        self.receive(slot, value)

    def receive(self, slot: int, value: V | None) -> None:
        """What is called by `SELF` gets its receiver, in a register that is no variable."""
        if value is None:
            self.state.pop(slot, None)
        else:
            self.state[slot] = value

    def forget(self, first: int, last: int) -> None:
        """These registers get values that are not known; up to the top when `last` is less than `first` - 1."""
        if first == last:
            self.store(first, None)
        else:
            changed = range(first, last + 1) if last >= first - 1 else range(first, 256)
            for slot in [slot for slot in self.state if slot in changed]:
                del self.state[slot]

    @abstractmethod
    def constant(self, index: int) -> V | None:
        """The value of the constant `index`."""

    @abstractmethod
    def closure(self, child: int) -> V | None:
        """The value of a new closure of the nested function `child`."""

    @abstractmethod
    def read(self, table: V | None, key: V | None) -> V | None:
        """The value of `table[key]`."""

    @abstractmethod
    def write(self, table: V | None, key: V | None, value: V | None) -> None:
        """An instruction executes `table[key] = value`."""

    def globals(self) -> V | None:
        """The table of globals of a function of 5.1 or LuaJIT."""

    def number(self, value: int) -> V | None:
        """A number that is part of the instruction."""

    def call(self, function: int, count: int) -> None:
        """The function in a register is called with so many arguments; -1: with as many as there are."""
        self.forget(function, 255)

    def give(self, first: int, count: int) -> None:
        """The values in so many registers leave the function or go into a new table; -1: in as many as there are."""

    def declare(self) -> None:
        """The instruction before only looked whether a global that is declared is new."""
