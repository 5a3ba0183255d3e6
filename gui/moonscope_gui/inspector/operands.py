"""What each operand of an instruction is, in every Lua.

One letter per operand, in the order of the reference listing:

    r register        k constant        x register or constant     u upvalue       c nested function
    j jump            i a number        n a number of values       f flag          e metamethod
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from moonscope.bytecode.tables import DIALECTS
from moonscope.model import Instruction, Local, LuaVersion

JITS = (LuaVersion.LUAJIT20, LuaVersion.LUAJIT21)
OLD = (LuaVersion.LUA51, LuaVersion.LUA52, LuaVersion.LUA53)


def _table(rows: str) -> dict[str, str]:
    """`LETTERS: NAME NAME …` per line."""
    table = {}
    for row in rows.strip().splitlines():
        letters, names = row.split(":")
        table.update(dict.fromkeys(names.split(), letters.strip()))
    return table


_OLD = _table("""
    rr: MOVE UNM NOT LEN BNOT
    rk: LOADK GETGLOBAL SETGLOBAL
    r: LOADKX CLOSE
    rif: LOADBOOL
    rn: LOADNIL RETURN VARARG TFORCALL
    ru: GETUPVAL SETUPVAL
    rux: GETTABUP
    uxx: SETTABUP
    rrx: GETTABLE SELF
    rxx: SETTABLE ADD SUB MUL DIV MOD POW IDIV BAND BOR BXOR SHL SHR
    rnn: NEWTABLE CALL TAILCALL SETLIST
    rrr: CONCAT
    ij: JMP
    fxx: EQ LT LE
    rf: TEST
    rrf: TESTSET
    rj: FORLOOP FORPREP TFORLOOP
    rc: CLOSURE
    k: EXTRAARG
""")
_NEW = _table("""
    rr: MOVE UNM NOT LEN BNOT
    ri: LOADI LOADF ERRNNIL
    rk: LOADK
    r: LOADKX LOADFALSE LFALSESKIP LOADTRUE CLOSE TBC RETURN1
    rn: LOADNIL CONCAT TFORCALL VARARG
    ru: GETUPVAL SETUPVAL
    ruk: GETTABUP
    rrr: GETTABLE ADD SUB MUL MOD POW DIV IDIV BAND BOR BXOR SHL SHR GETVARG
    rri: GETI ADDI SHRI SHLI
    rrk: GETFIELD ADDK SUBK MULK MODK POWK DIVK IDIVK BANDK BORK BXORK
    ukxf: SETTABUP
    rrxf: SETTABLE SELF
    rixf: SETI
    rkxf: SETFIELD
    rnn: NEWTABLE CALL SETLIST
    rnnf: TAILCALL RETURN
    rre: MMBIN
    rief: MMBINI
    rkef: MMBINK
    j: JMP
    rrf: EQ LT LE TESTSET
    rkf: EQK
    rif: EQI LTI LEI GTI GEI
    rf: TEST
    : RETURN0
    rj: FORLOOP FORPREP TFORPREP TFORLOOP
    rc: CLOSURE
    n: VARARGPREP
    i: EXTRAARG
""")
_ONLY: dict[LuaVersion, dict[str, str]] = {
    LuaVersion.LUA51: {"LOADNIL": "rr", "JMP": "j", "TEST": "rif", "TFORLOOP": "rn"},
    LuaVersion.LUA55: {"NEWTABLE": "rnnf", "SETLIST": "rnnf", "SELF": "rrk", "VARARG": "rinf"},
}


_MODES = {
    "uv": "u", "lit": "n", "lits": "i", "pri": "i", "num": "k", "str": "k", "tab": "k", "cdata": "k", "func": "c",
    "jump": "j",
}  # fmt: skip
"""LuaJIT's words for what operands are; all others are registers."""


def _of_luajit(lua: LuaVersion, opcode: str) -> str:
    known = DIALECTS[lua].by_name.get(opcode)
    return "".join(_MODES.get(mode, "r") for mode in known.modes) if known else ""


def kinds_of(instruction: Instruction, lua: LuaVersion) -> str:
    """The letter of each operand, "r" or "k" instead of "x". "" for what is not known."""
    opcode, operands = instruction.opcode, instruction.operands
    if lua in JITS:
        return _of_luajit(lua, opcode)
    kinds = _ONLY.get(lua, {}).get(opcode) or (_OLD if lua in OLD else _NEW).get(opcode, "")
    if len(kinds) != len(operands):
        return ""
    if "x" not in kinds:
        return kinds
    if lua in OLD:
        pairs = zip(kinds, operands, strict=True)
        return "".join(("k" if value < 0 else "r") if kind == "x" else kind for kind, value in pairs)
    return kinds.replace("x", "k" if operands[-1] else "r")


class Registers:
    """Which local variable is in which register, by the places where the variables are alive.

    Variables take the lowest registers that those still alive leave free, as Lua's compilers do it.
    """

    def __init__(self, variables: Sequence[Local]) -> None:
        self._variables = variables
        self.of: list[int] = []  # the register of each variable
        self._places: list[list[int]] = []  # of each register, its variables one after the other
        self._starts: list[list[int]] = []  # and where they begin
        alive: list[int] = []  # where the variable in each register ends, as far as they are taken
        for place, local in enumerate(variables):
            alive = [end for end in alive if end > local.start_pc]
            self._take(len(alive), place, local.start_pc)
            alive.append(local.end_pc)

    def _take(self, register: int, place: int, start: int) -> None:
        if register == len(self._places):
            self._places.append([])
            self._starts.append([])
        self._places[register].append(place)
        self._starts[register].append(start)
        self.of.append(register)

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
    found = []
    for kind, value in zip(kinds_of(instruction, lua), instruction.operands, strict=False):
        if kind == "k":
            found.append((kind, -1 - value if lua in OLD else value))
        elif kind == "u":
            found.append((kind, value))
    return found
