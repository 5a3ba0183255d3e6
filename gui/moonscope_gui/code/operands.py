"""What an instruction names: its operands, and the local variables in its registers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from moonscope.bytecode.registers import registers_of
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import Instruction, Local, LuaVersion


def named(instruction: Instruction, lua: LuaVersion) -> list[tuple[str, int]]:
    """Kind and number of each operand (see `moonscope.bytecode.opcodes`); nothing for what is no instruction."""
    opcode = DIALECTS[lua].by_name.get(instruction.opcode)
    return opcode.named(instruction.operands) if opcode else []


def kinds_of(instruction: Instruction, lua: LuaVersion) -> str:
    return "".join(kind for kind, _ in named(instruction, lua))


class Registers:
    """Which local variable is in which register, by the places where the variables are alive."""

    def __init__(self, variables: Sequence[Local]) -> None:
        self._variables = variables
        self.of = registers_of(local.end_pc for local in variables)  # the register of each variable
        count = max(self.of, default=-1) + 1
        self._places: list[list[int]] = [[] for _ in range(count)]  # of each register, its variables in order
        self._starts: list[list[int]] = [[] for _ in range(count)]  # and where they begin
        for place, (register, local) in enumerate(zip(self.of, variables, strict=True)):
            self._places[register].append(place)
            self._starts[register].append(local.start_pc)

    def alive(self, pc: int) -> set[int]:
        """The variables that are alive at an instruction, by their place in the list of variables."""
        found = (self._at(register, pc) for register in range(len(self._places)))
        return {place for place in found if place is not None}

    def name(self, register: int, pc: int) -> str:
        """The variable in a register at an instruction, or the one that gets its first value there; or ""."""
        if register >= len(self._places):
            return ""
        place = self._at(register, pc)
        if place is None:
            starts = self._starts[register]
            after = bisect_right(starts, pc)
            begins = after < len(starts) and starts[after] == pc + 1
            place = self._places[register][after] if begins else None
        return "" if place is None else self._variables[place].name

    def _at(self, register: int, pc: int) -> int | None:
        after = bisect_right(self._starts[register], pc)
        place = self._places[register][after - 1] if after else None
        return place if place is not None and pc < self._variables[place].end_pc else None


def references(instruction: Instruction, lua: LuaVersion) -> list[tuple[str, int]]:
    """What an instruction names of its prototype: ("k", constant) and ("u", upvalue), both from 0."""
    return [(kind, number) for kind, number in named(instruction, lua) if kind in "ku"]
