"""What the instruction sets of 5.1, 5.2 and 5.3 have in common beyond their format."""

from __future__ import annotations

from ..opcodes import Operands, Scope


def set_list(scope: Scope, operands: Operands, pc: int) -> str:
    """The block of a table constructor: C, or the whole next word (as a C int) when C is 0."""
    block = operands[2]
    if block == 0:
        word = scope.word(pc + 1)
        return str(word - (word >> 31 << 32))
    return str(block if block > 0 else 255 - block)  # C is a plain number here, though printed as a constant
