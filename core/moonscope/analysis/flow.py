"""What the registers and upvalues of a function are known to hold, followed through its code.

A forward analysis over the flow graph: where several paths meet, only what is known on all of them stays known.
The exception are tables that other code uses, above all that of the globals: what may be one is taken to be it, so
that no access is missed. A slot can only change to a weightier table, or to unknown, at a meeting point, which bounds
the work also for code that no compiler made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ..bytecode.follow import Follower, Operation
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
ENVIRONMENT = -1000
"""The slot of the table of globals of a function of 5.1 or LuaJIT; there are at most 255 upvalues."""
State = dict[int, Value]
"""What is known to be in the slots of a `Follower`."""


def follow(code: Sequence[Operation], entry: State, follower: Follower[Value]) -> None:
    """Let the follower carry out every instruction.

    An instruction in a loop may be carried out more than once; the last time, the state holds on every path to it.
    """
    starts = _block_starts(code)
    incoming: dict[int, State] = {}
    waiting: list[int] = []

    def arrive(pc: int, state: State) -> None:
        known = incoming.get(pc)
        both = dict(state) if known is None else _meet(known, state)
        if both != known:
            incoming[pc] = both
            heappush(waiting, pc)

    def run_block(pc: int, state: State) -> int:
        """To the end of the block that begins at `pc`; returns the pc of its last instruction."""
        follower.state = state
        while True:
            follower.step(code[pc - 1])
            if pc == len(code) or pc + 1 in starts:
                return pc
            pc += 1

    if code:
        arrive(1, entry)
    while waiting:
        start = heappop(waiting)
        end = run_block(start, dict(incoming[start]))
        for pc in _next(code[end - 1], len(code)):
            arrive(pc, follower.state)
    outside = {slot: value for slot, value in entry.items() if slot < 0}
    for start in sorted(starts - incoming.keys()):  # code that cannot be reached: seen, but it teaches nothing
        run_block(start, dict(outside))


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


def _block_starts(code: Sequence[Operation]) -> set[int]:
    starts = {1} if code else set()
    for operation in code:
        pc, after = operation[0], list(_next(operation, len(code)))
        if after != [pc + 1]:
            starts.update(after)
            starts.add(pc + 1)
    return {pc for pc in starts if pc <= len(code)}


def _next(operation: Operation, count: int) -> Iterator[int]:
    """Where the program may go on after an instruction."""
    pc, opcode, operands = operation
    after: list[int | None] = []
    if opcode is None:
        after.append(pc + 1)
    else:
        if opcode.jump is not None:
            after.append(opcode.jump(operands, pc))
        if opcode.skips:
            after.append(pc + 2)
        if not opcode.stops:
            after.append(pc + 1)
    return (each for each in after if each is not None and 0 < each <= count)
