"""Where the opcode and the fields of an instruction are in its 32 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Format:
    """`fields` are expressions of Python for a `word`; `kinds` say for some kinds of operands (see `opcodes`) what the
    listing has instead of the field, which is `{}` there."""

    opcode_mask: int
    fields: Mapping[str, str]
    kinds: Mapping[str, str] = field(default_factory=dict)
    negates_constants: bool = False  # a constant is shown as -1, -2, …

    def expression(self, kind: str, field: str) -> str:
        """The Python expression for an operand of this kind, taken from `field`."""
        return self.kinds.get(kind, "{}").format(self.fields[field])


def _register_or_constant(value: str) -> str:
    """B and C as luac prints them: registers as they are, constants as -1, -2, …"""
    return f"value if (value := {value}) < 256 else 255 - value"


FORMAT_51 = Format(
    0x3F,
    {
        "A": "word >> 6 & 0xFF",
        "B": _register_or_constant("word >> 23"),
        "C": _register_or_constant("word >> 14 & 0x1FF"),
        "Bx": "word >> 14",
        "sBx": "(word >> 14) - 0x1FFFF",
        "Ax": "word >> 6",
    },
    {"k": "-1 - ({})"},
    negates_constants=True,
)
"""5.1 – 5.3."""
FORMAT_54 = Format(
    0x7F,
    {
        "A": "word >> 7 & 0xFF",
        "k": "word >> 15 & 1",
        "B": "word >> 16 & 0xFF",
        "sB": "(word >> 16 & 0xFF) - 127",
        "vB": "word >> 16 & 0x3F",
        "C": "word >> 24",
        "sC": "(word >> 24) - 127",
        "vC": "word >> 22",
        "Bx": "word >> 15",
        "sBx": "(word >> 15) - 0xFFFF",
        "Ax": "word >> 7",
        "sJ": "(word >> 7) - 0xFF_FFFF",
    },
)
"""5.4 and 5.5."""
FORMAT_LUAJIT = Format(
    0xFF,
    {
        "A": "word >> 8 & 0xFF",
        "B": "word >> 24",
        "C": "word >> 16 & 0xFF",
        "D": "word >> 16",
        "sD": "(word >> 16 ^ 0x8000) - 0x8000",
        "J": "(word >> 16) - 0x8000",
    },
    {
        "k": "value if (value := {}) < scope.objects else -1 - value",
        "o": "value if (value := {}) < scope.objects else -1 - value",
        "m": "scope.objects + ({})",
        "p": "scope.functions.get(value := {}, -1 - value)",
    },
)
"""Objects and numbers are two lists of constants there and one here, objects first; nested functions are among the
objects and have a list of their own here. Operands are places in these; -1 - n when there is no object n."""
