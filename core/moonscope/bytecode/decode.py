"""From the bytes of one function to instructions with lines, operands, meanings and jump targets."""

from __future__ import annotations

from struct import unpack

from ..errors import BytecodeError
from ..model import Instruction
from .dialect import Dialect
from .layout import RawFunction, name_of
from .opcodes import Scope
from .text import Texts

BARE_NUMBER = "(data)"
"""The opcode shown for a word of 5.1's code that is a number, not an instruction."""

_MARK = 0x80  # in the line info of 5.4 and 5.5: the line of this instruction is in the marks


def words_of(raw: RawFunction) -> tuple[int, ...]:
    return unpack(f"<{len(raw.code) // 4}I", raw.code)


def lines_of(raw: RawFunction, dialect: Dialect, count: int) -> list[int]:
    """The line of each of `count` instructions; 0 where the dump does not tell."""
    if dialect.layout.line_bytes == 4:
        lines = list(unpack(f"<{len(raw.line_info) // 4}i", raw.line_info))
    else:
        lines = []
        line = raw.line
        marks = dict(raw.line_marks)
        for pc, step in enumerate(raw.line_info):
            if step == _MARK:
                line = marks.get(pc, line)
            else:
                line += step if step < _MARK else step - 256
            lines.append(line)
    return lines[:count] + [0] * (count - len(lines))


def instructions(scope: Scope, lines: list[int], dialect: Dialect, texts: Texts) -> tuple[Instruction, ...]:
    """Decode a whole function. Raises BytecodeError for an opcode that this Lua does not have."""
    decoders, mask = dialect.decoders, dialect.family.opcode_mask
    count = len(scope.words)
    characters = data_at = 0
    code: list[Instruction] = []
    for pc, (word, line) in enumerate(zip(scope.words, lines, strict=True), 1):
        if pc == data_at:
            code.append(Instruction(pc=pc, line=line, opcode=BARE_NUMBER, operands=(word,)))
            continue
        decoder = decoders.get(word & mask)
        if decoder is None:
            raise BytecodeError(
                f"damaged Lua chunk: instruction {pc:,} (line {line}) has opcode {word & mask}, "
                f"which {name_of(dialect.layout.lua)} does not know"
            )
        opcode, fields, meaning, jump, to, place = decoder
        operands = fields(word) if place is None else place(scope, fields(word))
        comment = ""
        target = None
        if jump is not None:
            target = jump(operands, pc)
            if to:
                comment = f"{to} {target}"
            if target is not None and not 0 < target <= count:
                target = None
        elif meaning is not None:
            comment = meaning(scope, operands, pc)
            characters += len(comment)
            if characters > 65536:  # now and then, and before much memory is used
                texts.spend(characters)
                characters = 0
        if opcode == "SETLIST" and dialect.data_in_code and operands[2] == 0:
            data_at = pc + 1
        code.append(Instruction(pc=pc, line=line, opcode=opcode, operands=operands, comment=comment, target=target))
    texts.spend(characters)
    return tuple(code)
