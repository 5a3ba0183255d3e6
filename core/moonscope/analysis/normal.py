"""Instructions as text that can be compared: what they say, without what shifts when something else changes.

Constants and upvalues stand with their values and names instead of numbers, jumps are relative, lines are left out.
Constants that are no strings stand in k(…), which tells them from registers and counts.
"""

from __future__ import annotations

from ..bytecode.tables import DIALECTS
from ..model import Instruction, LuaVersion, Prototype


def normal_texts(prototype: Prototype, lua: LuaVersion) -> list[str]:
    """The instructions of a prototype, one text each."""
    return [" ".join(normal_words(instruction, prototype, lua)) for instruction in prototype.code]


def normal_words(instruction: Instruction, prototype: Prototype, lua: LuaVersion) -> list[str]:
    """The opcode and what each operand says; operands that say nothing of their own are left out at the end."""
    opcode = DIALECTS[lua].by_name.get(instruction.opcode)
    if opcode is None:
        return [instruction.opcode, *map(str, instruction.operands)]
    named = zip(opcode.named(instruction.operands), instruction.operands, strict=True)
    words = [_word(*told, prototype) or str(operand) for told, operand in named]
    if "x" in opcode.kinds and opcode.kinds.endswith("l"):
        words.pop()  # the flag tells what k(…) tells, too
    return [opcode.name, *words]


def normal_constants(prototype: Prototype) -> tuple[str, ...]:
    """Without nested functions, which LuaJIT has among them: they are told by their lines, which shift."""
    typed = zip(prototype.constants, prototype.constant_types, strict=True)
    return tuple([text for text, kind in typed if kind != "function"])


def _word(kind: str, number: int, prototype: Prototype) -> str:
    """What an operand names; "" when there is no such thing."""
    match kind:
        case "k" if 0 <= number < len(prototype.constants):
            text = prototype.constants[number]
            return text if prototype.constant_types[number] == "string" else f"k({text})"
        case "p" if 0 <= number < len(prototype.children):
            return prototype.children[number].name or "function"
        case "u" if 0 <= number < len(prototype.upvalues):
            return prototype.upvalues[number].name
    return ""
