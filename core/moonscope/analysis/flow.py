"""What the registers and upvalues of a function are known to hold, followed through its code.

A forward analysis over the flow graph: where several paths meet, only what is known on all of them stays known.
The exception is the table of globals: what may be it is taken to be it, so that no access to a global is missed.
Each slot can change twice per meeting point, which bounds the work also for code that no compiler made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ..model import Instruction, LuaVersion
from .operands import LIKE_51


@dataclass(frozen=True, slots=True)
class Global:
    """A value that was found through the globals: "string.format", or "" for the table of globals itself."""

    path: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the program, as a listing shows it."""

    text: str
    type: str


Value = Global | Literal
GLOBALS = Global("")
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


def _meet(one: State, other: State) -> State:
    both = {slot: value for slot, value in one.items() if value == GLOBALS or other.get(slot) == value}
    return both | {slot: value for slot, value in other.items() if value == GLOBALS}


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
