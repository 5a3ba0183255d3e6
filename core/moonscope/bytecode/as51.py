"""LuaJIT's instructions in the words of Lua 5.1, whose language it runs.

What follows values through code (`names`, `analysis`) knows one vocabulary, that of Lua's own opcodes. Only what a
value follower can tell apart is told: comparisons are all EQ, arithmetic keeps LuaJIT's names, which mean "a new
value in A". Every pc, line and target stays. Constants are -1, -2, … as in 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..model import Instruction
from .opcodes import Operands

_SAME: dict[str, str] = {
    "ISTC": "TESTSET",
    "ISFC": "TESTSET",
    "IST": "TEST",
    "ISF": "TEST",
    "ISTYPE": "NOP",
    "ISNUM": "NOP",
    "MOV": "MOVE",
    "KNIL": "LOADNIL",
    "UGET": "GETUPVAL",
    "UCLO": "JMP",
    "FNEW": "CLOSURE",
    "TGETV": "GETTABLE",
    "TGETR": "GETTABLE",
    "TGETB": "GETI",
    "ITERC": "TFORCALL",
    "ITERN": "TFORCALL",
    "VARG": "VARARG",
    "ISNEXT": "JMP",
    "RET": "RETURN",
    "RET1": "RETURN1",
    "RET0": "RETURN0",
    "FORI": "FORPREP",
    "JFORI": "FORPREP",
    "FORL": "FORLOOP",
    "IFORL": "FORLOOP",
    "JFORL": "FORLOOP",
    "ITERL": "FORLOOP",
    "IITERL": "FORLOOP",
    "JITERL": "FORLOOP",
    "LOOP": "NOP",
    "ILOOP": "NOP",
    "JLOOP": "NOP",
}
_SAME |= {
    f"IS{name}": "EQ" for name in ["LT", "GE", "LE", "GT", "EQV", "NEV", "EQS", "NES", "EQN", "NEN", "EQP", "NEP"]
}
_SAME |= {f"{kind}FUNC{form}": "NOP" for kind in ("", "I", "J") for form in ("F", "V")}
_SAME |= {"FUNCC": "NOP", "FUNCCW": "NOP"}
_NO_CONSTANT = -(1 << 20)  # the source of a value that is no constant of the function, below all that are
_CHANGED: dict[str, tuple[str, Callable[[int, int, int], Operands]]] = {
    "KSTR": ("LOADK", lambda a, b, c: (a, -1 - b)),
    "KNUM": ("LOADK", lambda a, b, c: (a, -1 - b)),
    "KCDATA": ("LOADK", lambda a, b, c: (a, -1 - b)),
    "GGET": ("GETGLOBAL", lambda a, b, c: (a, -1 - b)),
    "GSET": ("SETGLOBAL", lambda a, b, c: (a, -1 - b)),
    "USETV": ("SETUPVAL", lambda a, b, c: (b, a)),
    "USETS": ("SETUPVAL", lambda a, b, c: (-1 - b, a)),
    "USETN": ("SETUPVAL", lambda a, b, c: (-1 - b, a)),
    "USETP": ("SETUPVAL", lambda a, b, c: (_NO_CONSTANT, a)),
    "TGETS": ("GETTABLE", lambda a, b, c: (a, b, -1 - c)),
    "TSETV": ("SETTABLE", lambda a, b, c: (b, c, a)),
    "TSETR": ("SETTABLE", lambda a, b, c: (b, c, a)),
    "TSETS": ("SETTABLE", lambda a, b, c: (b, -1 - c, a)),
    "TSETB": ("SETI", lambda a, b, c: (b, c, a)),
    "TSETM": ("SETLIST", lambda a, b, c: (a - 1, 0, b)),
    "CALL": ("CALL", lambda a, b, c: (a, c, b)),
    "CALLM": ("CALL", lambda a, b, c: (a, 0, b)),
    "CALLT": ("CALLT", lambda a, b, c: (a, b, 0)),
    "CALLMT": ("CALLT", lambda a, b, c: (a, 0, 0)),
    "RETM": ("RETURN", lambda a, b, c: (a, 0)),
}


def as_51(code: Iterable[Instruction]) -> tuple[Instruction, ...]:
    """CALLT is a TAILCALL that no RETURN follows; NOP does nothing that matters here."""
    return tuple([_told(instruction) for instruction in code])


def _told(instruction: Instruction) -> Instruction:
    opcode = instruction.opcode
    if opcode in _CHANGED:
        name, change = _CHANGED[opcode]
        return _changed(instruction, name, change(*(*instruction.operands, 0)[:3]))
    return _changed(instruction, _SAME[opcode], instruction.operands) if opcode in _SAME else instruction


def _changed(each: Instruction, opcode: str, operands: Operands) -> Instruction:
    return Instruction(each.pc, each.line, opcode, operands, each.comment, each.target)
