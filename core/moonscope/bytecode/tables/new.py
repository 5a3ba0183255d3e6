"""What the instruction sets of 5.4 and 5.5 have in common beyond their format."""

from __future__ import annotations

from ..opcodes import Meaning, Operands, Scope

_EVENTS = """
    __index __newindex __gc __mode __len __eq __add __sub __mul __mod __pow __div __idiv __band __bor __bxor
    __shl __shr __unm __bnot __lt __le __concat __call __close
"""
"""Metamethods in the order in which MMBIN and its variants number them."""
EVENTS = _EVENTS.split()


def event(at: int) -> Meaning:
    def meaning(scope: Scope, operands: Operands, pc: int) -> str:
        number = operands[at]
        return EVENTS[number] if number < len(EVENTS) else f"(no metamethod {number})"

    return meaning


def _extra(scope: Scope, pc: int) -> int:
    """The operand of the EXTRAARG that follows."""
    return scope.word(pc + 1) >> 7


def extra_constant(scope: Scope, operands: Operands, pc: int) -> str:
    """LOADKX: the constant is named by the instruction after it."""
    return scope.constant(_extra(scope, pc))


def nils(scope: Scope, operands: Operands, pc: int) -> str:
    """LOADNIL sets one register more than B."""
    return f"{operands[1] + 1} out"


def tail_arguments(scope: Scope, operands: Operands, pc: int) -> str:
    """TAILCALL: luac prints -1 for as many arguments as there are."""
    return f"{operands[1] - 1} in"


def array_size(bits: int) -> Meaning:
    """NEWTABLE: the array size, whose low `bits` bits are C."""
    return lambda scope, operands, pc: str(operands[2] + (_extra(scope, pc) << bits))


def list_size(bits: int) -> Meaning:
    """SETLIST: the offset, told only when it is continued in an EXTRAARG (flag k of the word)."""
    return lambda scope, operands, pc: str(operands[2] + (_extra(scope, pc) << bits)) if scope.word(pc) & 0x8000 else ""


def global_or_unknown(scope: Scope, operands: Operands, pc: int) -> str:
    """ERRNNIL (5.5): the name of the global is constant Bx - 1; 0 when it did not fit."""
    return scope.constant(operands[1] - 1) if operands[1] else "?"
