"""The best known names of functions, from the code that creates them.

A function has no name in Lua; a debugger guesses from the call, a reader from the place where the closure is put.
This follows registers through one function, in order, ignoring jumps: a closure put into a local, a global, a
field or an upvalue is named after it, with the path of the table as far as it is known ("M.sub.f", "M:method").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ..model import Instruction
from .as51 import as_51
from .code import Code
from .dialect import Dialect
from .layout import Constant, RawFunction
from .opcodes import JIT, NEW
from .watch import STRIDE, Watch

_REGISTERS = 256
_LONGEST = 120  # characters; a longer path is not a name
_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*\Z")
_KEEP_A = """
    SETGLOBAL SETUPVAL SETTABUP SETTABLE SETFIELD SETI SETLIST EQ LT LE EQK EQI LTI LEI GTI GEI TEST JMP CLOSE TBC
    RETURN RETURN0 RETURN1 MMBIN MMBINI MMBINK EXTRAARG ERRNNIL CALLT NOP
"""
"""Opcodes that leave the register A as it is."""
_KEEPERS = frozenset(_KEEP_A.split())
_FROM_A = {"CALL", "TAILCALL", "VARARG", "SELF", "LOADNIL", "FORPREP", "TFORPREP", "TFORCALL", "TFORLOOP", "CONCAT"}
"""Opcodes after which no register from A on is what it was."""


def child_names(raw: RawFunction, code: Code, upvalues: list[str], dialect: Dialect, watch: Watch) -> list[str]:
    """A name for each child of `raw`, "" where none is known. Raises CancelledError."""
    follower = _Follower(raw, upvalues, registers_as_keys=dialect.family is not NEW)
    skip_to = 0
    for instruction in as_51(code.plain()) if dialect.family is JIT else code.plain():
        if instruction.pc % STRIDE == 0:
            watch.ask()
        follower.open_locals(instruction.pc)
        if instruction.pc < skip_to:
            continue
        follower.step(instruction)
        if not follower.unnamed:
            break
        if dialect.captures_in_code and instruction.opcode == "CLOSURE":
            index = instruction.operands[1]
            if index < len(raw.children):
                skip_to = instruction.pc + 1 + raw.children[index].upvalue_count
    return follower.names


class _Follower:
    """Knows, at each instruction, what the registers hold as far as that has a name."""

    def __init__(self, raw: RawFunction, upvalues: list[str], registers_as_keys: bool) -> None:
        self.names = [""] * len(raw.children)
        self.unnamed = len(raw.children)
        self._children = raw.children
        self._constants = raw.constants
        self._upvalues = upvalues
        self._registers_as_keys = registers_as_keys  # in any instruction, not only in GETTABLE and SETTABLE
        self._made: dict[int, int] = {}  # register → child whose closure it holds
        self._used: list[int] = []  # registers that any of the next three may know, in order
        self._keys: dict[int, int] = {}  # register → constant it holds, as an operand names it
        self._paths: dict[int, str] = {}  # register → how the program got its value
        self._locals: dict[int, tuple[str, int]] = {}  # register → local in it, pc where that ends
        self._starts: dict[int, list[tuple[int, str, int]]] = {}
        for start, register, name, end in _registers(raw.locals):
            self._starts.setdefault(start, []).append((register, name, end))

    def open_locals(self, pc: int) -> None:
        for register, name, end in self._starts.get(pc, ()):
            if name.startswith("("):  # the hidden locals of a for loop
                continue
            self._locals[register] = (name, end)
            self._name(register, name)
            made = self._made.get(register)
            self._learn(register, name)
            if made is not None:
                self._made[register] = made

    def step(self, instruction: Instruction) -> None:
        opcode, operands, pc = instruction.opcode, instruction.operands, instruction.pc
        if not operands:
            return
        a = operands[0]
        match opcode:
            case "CLOSURE":
                self._use(a)
                self._made[a] = operands[1]
                self._to_local(a, pc)
            case "MOVE":
                made, path = self._made.get(operands[1]), self._paths.get(operands[1])
                self._learn(a, path or "")
                if made is not None:
                    self._made[a] = made
                self._to_local(a, pc)
            case "GETGLOBAL":
                self._learn(a, self._join("", operands[1]))
            case "GETUPVAL":
                self._learn(a, self._upvalue(operands[1]))
            case "LOADK":
                self._use(a)
                self._keys[a] = operands[1]
            case "GETTABUP":
                self._learn(a, self._join(self._upvalue(operands[1]), self._constant(operands[2])))
            case "GETFIELD":
                self._learn(a, self._join(self._paths.get(operands[1], ""), operands[2]))
            case "GETTABLE":
                self._learn(a, self._join(self._paths.get(operands[1], ""), self._key(operands[2])))
            case "SETGLOBAL":
                self._name(a, self._join("", operands[1]))
            case "SETUPVAL":
                self._name(a, self._upvalue(operands[1]))
            case "SETTABUP":
                self._put(operands, self._upvalue(a), self._constant(operands[1]))
            case "SETFIELD":
                self._put(operands, self._paths.get(a, ""), operands[1])
            case "SETTABLE":
                self._put(operands, self._paths.get(a, ""), self._key(operands[1]))
            case _ if opcode in _FROM_A:
                first = bisect_left(self._used, a)
                for register in self._used[first:]:
                    self._forget(register)
                del self._used[first:]
            case _ if opcode not in _KEEPERS:
                self._forget(a)

    def _key(self, operand: int) -> int | None:
        """The key of GETTABLE and SETTABLE: a constant as it is, or the constant in a register."""
        return operand if operand < 0 else self._keys.get(operand)

    def _constant(self, operand: int) -> int | None:
        """The key of an instruction that the new family gives a constant always."""
        return self._key(operand) if self._registers_as_keys else operand

    def _put(self, operands: tuple[int, ...], table: str, key: int | None) -> None:
        """A value goes into a field; operand 2 is the register of the value."""
        value_is_constant = operands[2] < 0 or (len(operands) == 4 and operands[3])
        if not value_is_constant:
            self._name(operands[2], self._join(table, key), method=True)

    def _name(self, register: int, name: str, method: bool = False) -> None:
        child = self._made.get(register, -1)
        if not 0 <= child < len(self.names) or self.names[child] or not name:
            return
        if method and "." in name and _takes_self(self._children[child]):
            name = ":".join(name.rsplit(".", 1))
        self.names[child] = name
        self.unnamed -= 1

    def _to_local(self, register: int, pc: int) -> None:
        name, end = self._locals.get(register, ("", 0))
        if pc < end:
            self._paths[register] = name
            self._name(register, name)

    def _forget(self, register: int) -> None:
        self._made.pop(register, None)
        self._paths.pop(register, None)
        self._keys.pop(register, None)

    def _use(self, register: int) -> None:
        """The register gets a new value, of which something will be known."""
        self._forget(register)
        at = bisect_left(self._used, register)
        if at == len(self._used) or self._used[at] != register:
            self._used.insert(at, register)

    def _learn(self, register: int, path: str) -> None:
        self._use(register)
        if path:
            self._paths[register] = path

    def _upvalue(self, index: int) -> str:
        return self._upvalues[index] if 0 <= index < len(self._upvalues) else ""

    def _join(self, table: str, key: int | None) -> str:
        if key is None:
            return ""
        if table == "_ENV":
            table = ""
        index = key if key >= 0 else -1 - key  # 5.1 – 5.3 number constants from -1 down
        value: Constant = self._constants[index] if index < len(self._constants) else None
        if not isinstance(value, bytes) or len(table) + len(value) > _LONGEST:
            return ""
        if _IDENTIFIER.match(value):
            name = value.decode("ascii")
            return f"{table}.{name}" if table else name
        return f"{table}[{value.decode('utf-8', 'backslashreplace')!r}]" if table else ""


def _takes_self(child: RawFunction) -> bool:
    return child.parameters > 0 and bool(child.locals) and child.locals[0][0] == b"self"


def _registers(local_variables: Sequence[tuple[bytes | None, int, int]]) -> Iterator[tuple[int, int, str, int]]:
    """(first pc from 1, register, name, pc where it ends) of each local.

    Scopes nest, so registers form a stack: a local that ends before the next one does is gone when that begins.
    """
    ends: list[int] = []
    for name, start, end in local_variables:
        while ends and ends[-1] < end:
            ends.pop()
        if len(ends) < _REGISTERS:
            yield start + 1, len(ends), (name or b"").decode("utf-8", "backslashreplace"), end + 1
        ends.append(end)
