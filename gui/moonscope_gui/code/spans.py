"""Instructions as coloured text: pieces of text, each with the theme's token for its colour."""

from __future__ import annotations

import re
from collections.abc import Iterator

from moonscope.analysis.normal import normal_words
from moonscope.bytecode import operands_text
from moonscope.model import Instruction, LuaVersion, Prototype

from .operands import Registers, kinds_of

Span = tuple[str, str]
"""Text and the token of its colour."""

LONGEST = 400  # characters of one piece that are shown; the tables have all of a constant

_KIND_TONES = {
    "r": "register", "k": "string", "u": "upvalue", "p": "link", "j": "link", "i": "number", "y": "number",
    "n": "muted", "f": "muted", "v": "builtin",
}  # fmt: skip
_PIECES = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*")
    |(?P<builtin>__\w+)
    |(?P<number>-?(?:\d[\w.+-]*|inf|nan)\b)
    |(?P<keyword>\b(?:nil|true|false)\b)
    |(?P<muted>\b(?:in|out|all|flip)\b)
    |(?P<upvalue>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_COUNTED = re.compile(r"(?:\d+|all) (?:in|out)(?: (?:\d+|all) out)?\Z")


def operand_spans(instruction: Instruction, lua: LuaVersion) -> list[Span]:
    """The operands as luac prints them."""
    kinds = kinds_of(instruction, lua).ljust(8, "n")
    words = operands_text(lua, instruction).split()
    return [(word + " ", _KIND_TONES[kind]) for word, kind in zip(words, kinds, strict=False)]


def meaning_spans(instruction: Instruction, prototype: Prototype, registers: Registers, lua: LuaVersion) -> list[Span]:
    """luac's comment with what it names spelled out, then the local variables in the registers."""
    kinds = kinds_of(instruction, lua)
    spans = list(_comment(instruction, prototype, kinds))
    for text in _variables(instruction, kinds, registers):
        spans += [("   " if spans else "", "muted"), *text]
    return spans


def normal_spans(instruction: Instruction, prototype: Prototype, lua: LuaVersion) -> list[Span]:
    """An instruction as it is compared: with values and names instead of their numbers."""
    opcode, *operands = normal_words(instruction, prototype, lua)
    kinds = kinds_of(instruction, lua).ljust(8, "n")
    spans: list[Span] = [(opcode, "opcode")]
    for word, kind in zip(operands, kinds, strict=False):
        spans.append((" ", "text"))
        if word.startswith("k("):
            spans += [("k(", "muted"), *_pieces(_cut(word[2:-1])), (")", "muted")]
        elif kind == "k":
            spans += _pieces(_cut(word))
        else:
            spans.append((word, _KIND_TONES[kind]))
    return spans


def child_of(instruction: Instruction, prototype: Prototype, lua: LuaVersion) -> int | None:
    """The number of the nested function that an instruction makes a closure of."""
    if not kinds_of(instruction, lua).endswith("p"):
        return None
    number = instruction.operands[-1]
    return number if 0 <= number < len(prototype.children) else None


def _comment(instruction: Instruction, prototype: Prototype, kinds: str) -> Iterator[Span]:
    text = instruction.comment
    if kinds.endswith("p") and 0 <= instruction.operands[-1] < len(prototype.children):
        child = prototype.children[instruction.operands[-1]]
        yield f"function {child.name} <{child.line},{child.last_line}>".replace("  ", " "), "link"
    elif instruction.target is not None:
        yield text or f"to {instruction.target}", "link"
    elif _COUNTED.match(text):
        yield text, "muted"
    else:
        yield from _pieces(text[:LONGEST])
        if len(text) > LONGEST:
            yield f"… {len(text) - LONGEST:,} more characters", "muted"


def _pieces(text: str) -> Iterator[Span]:
    at = 0
    for found in _PIECES.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], "text"
        yield found[0], found.lastgroup or "text"
        at = found.end()
    if at < len(text):
        yield text[at:], "text"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _variables(instruction: Instruction, kinds: str, registers: Registers) -> Iterator[list[Span]]:
    """`R3 count` for each register that holds a variable with a name."""
    seen = set()
    for kind, register in zip(kinds, instruction.operands, strict=False):
        if kind != "r" or register in seen:
            continue
        seen.add(register)
        name = registers.name(register, instruction.pc)
        if name and not name.startswith("("):  # "(for state)" and the like tell nothing that the opcode does not
            yield [(f"R{register} ", "muted"), (name, "local")]
