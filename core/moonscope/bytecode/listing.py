"""The listing that `luac -l -l` of the same Lua prints, line for line; of LuaJIT, `luajit -bl` (`luajit_listing`).

Where luac prints addresses this prints `#0`, `#1`, …: the number of the function in the listing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Instruction, LuaVersion, Prototype, PrototypeTree
from . import luajit_listing
from .dialect import Dialect
from .tables import DIALECTS
from .text import as_listed

_NUMBERS = ("", "%d", "%d %d", "%d %d %d", "%d %d %d %d")
_TYPE_LETTERS = {"nil": "N", "boolean": "B", "float": "F", "integer": "I", "string": "S"}


def listing(tree: PrototypeTree) -> str:
    """The whole tree as text, ending in a newline."""
    dialect = DIALECTS[tree.lua]
    if dialect.is_luajit:
        return luajit_listing.listing(tree.root, dialect)
    numbers = {id(prototype): number for number, prototype in enumerate(tree.root.walk())}
    out: list[str] = []
    for number, prototype in enumerate(tree.root.walk()):
        out += _header(prototype, number, tree.lua)
        out += _code(prototype, dialect, [numbers[id(child)] for child in prototype.children])
        out += _tables(prototype, number, tree.lua, dialect)
    return "\n".join(out) + "\n"


def operands_text(lua: LuaVersion, instruction: Instruction) -> str:
    """The operands as luac prints them; of LuaJIT as numbers, each the place of what it names."""
    operands = instruction.operands
    if instruction.opcode in DIALECTS[lua].flagged:
        return _flagged(operands)
    return _NUMBERS[len(operands)] % operands


def _flagged(operands: tuple[int, ...]) -> str:
    return _NUMBERS[len(operands) - 1] % operands[:-1] + "k" * operands[-1]


def _code(prototype: Prototype, dialect: Dialect, children: list[int]) -> list[str]:
    out = []
    hidden = 0
    told = _told(prototype)
    silent, flagged, continues = dialect.silent, dialect.flagged, bool(dialect.first_constant)
    for instruction in prototype.code:
        pc, line, opcode = instruction.pc, instruction.line, instruction.opcode
        operands, comment = instruction.operands, instruction.comment
        if pc == hidden:
            continue
        if continues and opcode == "SETLIST" and operands[2] == 0:
            hidden = pc + 1  # up to 5.3 luac passes over the word that continues a SETLIST
        if opcode in silent:
            comment = ""
        elif opcode == "CLOSURE" and operands[1] < len(children):
            comment = f"#{children[operands[1]]}"
        elif told is not None:
            comment = as_listed(comment, prototype.constants, told)
        numbers = _flagged(operands) if opcode in flagged else _NUMBERS[len(operands)] % operands
        text = f"\t{pc}\t[{line if line > 0 else '-'}]\t{opcode:<9}\t{numbers}"
        out.append(f"{text}\t; {comment}" if comment else text)
    return out


def _told(prototype: Prototype) -> tuple[str, ...] | None:
    """The types of the constants if there are floats of which luac prints not all digits."""
    typed = zip(prototype.constants, prototype.constant_types, strict=True)
    long = any(kind in ("float", "number") and len(text) > 14 for text, kind in typed)
    return prototype.constant_types if long else None


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _header(prototype: Prototype, number: int, lua: LuaVersion) -> list[str]:
    source = prototype.source.split("\0")[0]
    by_first = {"@": source[1:], "=": source[1:], "\x1b": "(bstring)"}
    where = by_first.get(source[:1], "(string)")
    what = "main" if prototype.line == 0 else "function"
    size = _plural(len(prototype.code), "instruction")
    if lua == LuaVersion.LUA51:
        size += f", {len(prototype.code) * 4} bytes"
    vararg = "+" if prototype.vararg else ""
    parameters = f"{prototype.parameters}{vararg} param{'' if prototype.parameters == 1 else 's'}"
    return [
        "",
        f"{what} <{where}:{prototype.line},{prototype.last_line}> ({size} at #{number})",
        f"{parameters}, {_plural(prototype.stack_size, 'slot')}, {_plural(len(prototype.upvalues), 'upvalue')}, "
        f"{_plural(len(prototype.locals), 'local')}, {_plural(len(prototype.constants), 'constant')}, "
        f"{_plural(len(prototype.children), 'function')}",
    ]


def _tables(prototype: Prototype, number: int, lua: LuaVersion, dialect: Dialect) -> list[str]:
    out = [f"constants ({len(prototype.constants)}) for #{number}:"]
    first = dialect.first_constant
    texts: Sequence[str] = prototype.constants
    if (told := _told(prototype)) is not None:
        texts = [as_listed(text, texts, told) for text in texts]
    if dialect.lists_types:
        typed = zip(texts, prototype.constant_types, strict=True)
        out += [f"\t{at}\t{_TYPE_LETTERS[kind]}\t{text}" for at, (text, kind) in enumerate(typed)]
    else:
        out += [f"\t{at}\t{text}" for at, text in enumerate(texts, first)]
    out.append(f"locals ({len(prototype.locals)}) for #{number}:")
    out += [f"\t{at}\t{each.name}\t{each.start_pc}\t{each.end_pc}" for at, each in enumerate(prototype.locals)]
    upvalues = prototype.upvalues
    if lua == LuaVersion.LUA51:  # it knows names only, and none when they were stripped
        upvalues = upvalues if any(each.name for each in upvalues) else ()
        out.append(f"upvalues ({len(upvalues)}) for #{number}:")
        return out + [f"\t{at}\t{each.name}" for at, each in enumerate(upvalues)]
    out.append(f"upvalues ({len(upvalues)}) for #{number}:")
    out += [f"\t{at}\t{each.name or '-'}\t{int(each.in_stack)}\t{each.index}" for at, each in enumerate(upvalues)]
    return out
