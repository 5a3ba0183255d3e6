"""What the registers and upvalues of a function are known to hold, followed through its code.

A forward analysis over the flow graph: where several paths meet, only what is known on all of them stays known.
The exception are tables that other code uses, above all that of the globals: what may be one is taken to be it, so
that no access is missed. A slot can only change to a weightier table, or to unknown, at a meeting point, which bounds
the work also for code that no compiler made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ..model import Instruction, LuaVersion
from .operands import LIKE_51
from .standard import TABLES


@dataclass(frozen=True, slots=True)
class Global:
    """A value that was found through the globals: "string.format", or "" for the table of globals itself."""

    path: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the program, as a listing shows it."""

    text: str
    type: str


@dataclass(frozen=True, slots=True)
class Made:
    """A function that this one made: by the closure of a child (its index), or by loading code (-1 - pc)."""

    at: int


Value = Global | Literal | Made
GLOBALS = Global("")
_SHARED_TABLES = frozenset(name for names in TABLES.values() for name in names) | {
    "", "package.loaded", "package.loaders", "package.preload", "package.searchers",
}  # fmt: skip
_LOADERS = (Global("load"), Global("loadstring"))
"""Either of them: "loadstring or load" is how programs for several Luas say it."""
State = dict[int, Value]
"""slot (see `operands`) → what is known to be there"""
Step = Callable[[Instruction, State], None]

_PASSIVE = """
    SETGLOBAL SETUPVAL SETTABUP SETTABLE SETFIELD SETI SETLIST EQ LT LE EQK EQI LTI LEI GTI GEI TEST JMP CLOSE TBC
    RETURN RETURN0 RETURN1 CALLT MMBIN MMBINI MMBINK EXTRAARG ERRNNIL VARARGPREP NOP (data)
"""
_WRITE_NOTHING = frozenset(_PASSIVE.split())
_SKIP_NEXT = frozenset({"EQ", "LT", "LE", "EQK", "EQI", "LTI", "LEI", "GTI", "GEI", "TEST", "TESTSET"})
"""Tests: either the next instruction, a jump, is carried out or the one after it."""
_NEVER_GO_ON = frozenset({"JMP", "LFALSESKIP", "TFORPREP", "RETURN", "RETURN0", "RETURN1", "CALLT"})


def written(instruction: Instruction, lua: LuaVersion) -> range:
    """The registers that an instruction changes."""
    opcode, operands = instruction.opcode, instruction.operands
    if opcode in _WRITE_NOTHING or not operands:
        return range(0)
    a = operands[0]
    match opcode:
        case "CALL" | "TAILCALL" | "TFORCALL" | "TFORLOOP" | "TFORPREP":
            return range(a, 256)
        case "VARARG":
            wanted = operands[-2] if lua is LuaVersion.LUA55 else operands[1]
            return range(a, a + wanted - 1) if wanted else range(a, 256)
        case "LOADNIL":
            return range(a, operands[1] + 1) if lua in LIKE_51 else range(a, a + operands[1] + 1)
        case "FORPREP" | "FORLOOP":
            return range(a, a + 4)
        case "SELF":
            return range(a, a + 2)
    return range(a, a + 1)


def follow(code: Sequence[Instruction], entry: State, step: Step, lua: LuaVersion) -> None:
    """Call `step(instruction, state)`, which updates the state, for every instruction.

    An instruction in a loop may be seen more than once; the last time, the state holds on every path to it.
    """
    starts = _block_starts(code, lua)
    incoming: dict[int, State] = {}
    waiting: list[int] = []

    def arrive(pc: int, state: State) -> None:
        known = incoming.get(pc)
        both = dict(state) if known is None else _meet(known, state)
        if both != known:
            incoming[pc] = both
            heappush(waiting, pc)

    if code:
        arrive(1, entry)
    while waiting:
        start = heappop(waiting)
        state = dict(incoming[start])
        end = _run_block(code, start, starts, state, step)
        for pc in _next(code[end - 1], lua):
            if pc <= len(code):
                arrive(pc, state)
    outside = {slot: value for slot, value in entry.items() if slot < 0}
    for start in sorted(starts - incoming.keys()):  # code that cannot be reached: seen, but it teaches nothing
        _run_block(code, start, starts, dict(outside), step)


def is_shared_table(value: Value) -> bool:
    """Whether a value is a table that other code of the VM uses: globals, a standard library, a metatable of these."""
    return isinstance(value, Global) and (value.path in _SHARED_TABLES or value.path.startswith("getmetatable("))


def weightier(one: Global, other: Global) -> Global:
    """Which of two tables a slot that may hold both is taken to hold."""
    return GLOBALS if GLOBALS in (one, other) else max(one, other, key=lambda each: each.path)


def _meet(one: State, other: State) -> State:
    both: State = {}
    for slot in one.keys() | other.keys():
        first, second = one.get(slot), other.get(slot)
        tables = [each for each in (first, second) if isinstance(each, Global) and is_shared_table(each)]
        if len(tables) == 2:
            both[slot] = weightier(*tables)
        elif tables:
            both[slot] = tables[0]
        elif first is not None and first == second:
            both[slot] = first
        elif first in _LOADERS and second in _LOADERS:
            both[slot] = Global("load")
    return both


def _run_block(code: Sequence[Instruction], pc: int, starts: set[int], state: State, step: Step) -> int:
    """Step from `pc` to the end of its block; returns the pc of its last instruction."""
    while True:
        step(code[pc - 1], state)
        if pc == len(code) or pc + 1 in starts:
            return pc
        pc += 1


def _block_starts(code: Sequence[Instruction], lua: LuaVersion) -> set[int]:
    starts = {1} if code else set()
    for instruction in code:
        after = list(_next(instruction, lua))
        if after != [instruction.pc + 1]:
            starts.update(after)
            starts.add(instruction.pc + 1)
    return {pc for pc in starts if pc <= len(code)}


def _next(instruction: Instruction, lua: LuaVersion) -> Iterator[int]:
    """Where the program may go on after an instruction."""
    opcode, pc, target = instruction.opcode, instruction.pc, instruction.target
    if target is not None:
        yield target
    if opcode in _SKIP_NEXT or (opcode == "TFORLOOP" and lua is LuaVersion.LUA51):
        yield pc + 2
    if opcode not in _NEVER_GO_ON:
        yield pc + 1
