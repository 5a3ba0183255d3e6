"""Local variables that inner functions capture: which one a register or an upvalue is, and what they may come to hold.

A captured variable can be assigned by any function that shares it, at any time. For each, it is kept whether one of
them assigns the table of globals or a table of the standard library; functions are then followed again with that
knowledge, until nothing new is found.
"""

from __future__ import annotations

from ..bytecode.follow import upvalue_slot
from ..bytecode.registers import registers_of
from ..model import Prototype, PrototypePath
from .flow import Global, Value, is_shared_table, weightier

Variable = tuple[PrototypePath, int, int]
"""The function that declares it, its register, and the pc from which it is that variable (0: there are no names)."""


class Assigned:
    """What captured variables may hold by an assignment somewhere in the file."""

    def __init__(self) -> None:
        self.values: dict[Variable, Global] = {}
        self.changed = False

    def add(self, variable: Variable, value: Value | None) -> None:
        """Note that `variable` was assigned `value`; only globals that hold a shared table are kept."""
        if isinstance(value, Global) and is_shared_table(value):
            known = self.values.get(variable)
            best = value if known is None else weightier(known, value)
            if best != known:
                self.values[variable] = best
                self.changed = True


class Scope:
    """The variables of one function: its own, and those that its upvalues are."""

    def __init__(self, prototype: Prototype, path: PrototypePath, upvalues: tuple[Variable | None, ...]) -> None:
        self._prototype = prototype
        self._path = path
        self._upvalues = upvalues
        registers = registers_of(local.end_pc for local in prototype.locals)
        own = zip(registers, prototype.locals, strict=True)
        self._own = {(register, local.start_pc): local.end_pc for register, local in own}
        self._captured: dict[int, list[Variable]] = {}  # by register

    def at(self, slot: int, pc: int) -> Variable | None:
        """The captured variable that a register or upvalue is for the instruction at `pc`."""
        if slot < 0:
            at = -1 - slot
            return self._upvalues[at] if at < len(self._upvalues) else None
        for variable in self._captured.get(slot, ()):
            if variable[2] <= pc < self._own.get(variable[1:], 1 << 62):
                return variable
        return None

    def capture(self, child: Prototype, pc: int) -> tuple[Variable | None, ...]:
        """A closure of `child` is made at `pc`: what its upvalues are."""
        return tuple(
            self._capture(each.index, pc, len(child.upvalues))
            if each.in_stack
            else self.at(upvalue_slot(each.index), pc)
            for each in child.upvalues
        )

    def _capture(self, register: int, pc: int, upvalues: int) -> Variable:
        """A local function is visible to itself from the instruction on that follows the closure and its upvalues."""
        starts = [start for (slot, start), end in self._own.items() if slot == register and pc <= end]
        visible = max((start for start in starts if start <= pc), default=0)
        itself = min((start for start in starts if pc < start <= pc + upvalues + 1), default=0)
        variable = (self._path, register, visible or itself)
        known = self._captured.setdefault(register, [])
        if variable not in known:
            known.append(variable)
        return variable
