"""Which register each local variable is in."""

from __future__ import annotations

from collections.abc import Iterable


def registers_of(ends: Iterable[int]) -> list[int]:
    """From the pcs where variables end, in the order of a dump. Scopes nest, so variables are on a stack: one that ends
    before a later one does has left its register to it."""
    registers: list[int] = []
    stack: list[int] = []
    for end in ends:
        while stack and stack[-1] < end:
            stack.pop()
        registers.append(len(stack))
        stack.append(end)
    return registers
