"""From a whole dump to the tree of prototypes that the rest of Moonscope shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from msgspec.structs import replace

from ..model import Local, Prototype, Upvalue, walk
from .code import Code, words_of
from .comments import Scope
from .dialect import Dialect
from .layout import Constant, RawFunction
from .names import child_names
from .reporter import Reporter
from .size import prototype_bytes
from .text import Texts

_TEXT_PER_BYTE = 16  # characters of text that one byte of a dump may give; compiled code stays under 6
_TEXT_AT_LEAST = 64 * 1024 * 1024
_WORDS_OF_MEANING = 64  # characters at most, of a meaning that are not of a constant, an upvalue or a function


def prototype_tree(main: RawFunction, dialect: Dialect, size: int, reporter: Reporter) -> Prototype:
    """`main` and all below it; `size` is the length of the dump in bytes. Raises BytecodeError."""
    texts = Texts(_TEXT_AT_LEAST + _TEXT_PER_BYTE * size, dialect.float_format, dialect.integers)
    functions = [raw for _, raw in walk(main)]
    names = {id(main): ""}
    ready: dict[int, Prototype] = {}
    half_done: list[Prototype] = []
    for number, raw in enumerate(functions):  # parents first: they name their children and hand down their source
        reporter.reach(size + size * number // len(functions))
        half_done.append(_one(raw, dialect, texts, names, reporter))
    # Children first: a prototype is frozen.
    for raw, prototype in zip(reversed(functions), reversed(half_done), strict=True):
        children = tuple([ready[id(child)] for child in raw.children])
        ready[id(raw)] = replace(prototype, children=children) if children else prototype
    return ready[id(main)]


def _one(raw: RawFunction, dialect: Dialect, texts: Texts, names: dict[int, str], reporter: Reporter) -> Prototype:
    words = words_of(raw)
    if dialect.data_in_code:
        _find_captures(raw, words, dialect)
    constants, types = texts.constants(raw.constants, reporter)
    upvalue_names = [texts.name(name) for name in raw.upvalue_names]
    upvalue_names += [""] * (raw.upvalue_count - len(upvalue_names))
    children = tuple([f"function <{child.line},{child.last_line}>" for child in raw.children])
    apart = _apart(raw.constants) if dialect.is_luajit else {}
    scope = Scope(words, constants, tuple([name or "-" for name in upvalue_names]), children, **apart)
    code = Code(raw, scope, dialect)
    _bound(code, max(map(len, chain(constants, upvalue_names, children)), default=0), texts)
    if raw.children:
        guesses = child_names(raw, code, upvalue_names, dialect, reporter)
        for child, name in zip(raw.children, guesses, strict=True):
            names[id(child)] = name
            child.source = raw.source if child.source is None else child.source
    return Prototype(
        source=texts.source(raw.source),
        line=raw.line,
        last_line=raw.last_line,
        parameters=raw.parameters,
        vararg=bool(raw.vararg & dialect.vararg_mask),
        stack_size=raw.stack_size,
        size=prototype_bytes(raw, dialect),
        code=code,
        constants=constants,
        constant_types=types,
        upvalues=_upvalues(raw, upvalue_names),
        locals=tuple([Local(texts.name(name), start + 1, end + 1) for name, start, end in raw.locals]),
        name=names[id(raw)],
    )


def _apart(values: Sequence[Constant]) -> dict[str, Any]:
    """LuaJIT: instructions count objects and numbers apart, and functions are objects."""
    functions = [at for at, value in enumerate(values) if isinstance(value, RawFunction)]
    return {
        "values": values,
        "objects": sum(not isinstance(value, float) for value in values),
        "functions": {at: number for number, at in enumerate(functions)},
    }


def _bound(code: Code, longest: int, texts: Texts) -> None:
    """Meanings are made later, and over and over: see now that they are not too long. One names three texts at most."""
    if texts.reserve(len(code) * (3 * longest + _WORDS_OF_MEANING)):
        return
    characters = 0
    for instruction in code:
        characters += len(instruction.comment)
        if characters > 65536:  # now and then: each of them may be long
            texts.spend(characters)
            characters = 0
    texts.spend(characters)


def _upvalues(raw: RawFunction, names: list[str]) -> tuple[Upvalue, ...]:
    if not names:
        return ()
    described = raw.upvalues + ((0, 0),) * (len(names) - len(raw.upvalues))
    told = zip(names, described, strict=True)
    return tuple([Upvalue(name, bool(at[0]), at[1], at[2] if len(at) > 2 else 0) for name, at in told])


def _find_captures(raw: RawFunction, words: Sequence[int], dialect: Dialect) -> None:
    """5.1 does not describe upvalues; the instructions after a CLOSURE say where its upvalues come from."""
    closure, move, mask = dialect.number("CLOSURE"), dialect.number("MOVE"), dialect.form.opcode_mask
    for pc, word in enumerate(words):
        if word & mask != closure or word >> 14 >= len(raw.children):
            continue
        child = raw.children[word >> 14]
        if child.upvalues:  # known from an earlier CLOSURE; looking again would make hostile code slow
            continue
        captures = words[pc + 1 : pc + 1 + child.upvalue_count]
        child.upvalues = tuple([(int(capture & mask == move), capture >> 23) for capture in captures])
