"""A prototype in words."""

from __future__ import annotations

from moonscope.model import Prototype


def name_of(prototype: Prototype) -> str:
    """What people call it: its name, `main function`, or `line 12`."""
    if prototype.line == 0:
        return "main function"
    return prototype.name or f"line {prototype.line}"


def parameters_of(prototype: Prototype) -> str:
    parts = [str(prototype.parameters)] if prototype.parameters or not prototype.vararg else []
    return ", ".join([*parts, "..."] if prototype.vararg else parts)


def lines_of(prototype: Prototype) -> str:
    if prototype.line == 0:
        return ""
    first, last = prototype.line, prototype.last_line
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"
