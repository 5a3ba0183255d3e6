"""From a whole dump to the tree of prototypes that the rest of Moonscope shows."""

from __future__ import annotations

from msgspec.structs import replace

from ..model import Local, Prototype, Upvalue
from .decode import instructions, lines_of, words_of
from .dialect import Dialect
from .layout import RawFunction
from .names import child_names
from .opcodes import Scope
from .size import prototype_bytes
from .text import Texts

_MOVE, _CLOSURE = 0, 36  # of 5.1
_TEXT_PER_BYTE = 16  # characters of text that one byte of a dump may give; compiled code stays under 6
_TEXT_AT_LEAST = 64 * 1024 * 1024


def prototype_tree(main: RawFunction, dialect: Dialect, size: int) -> Prototype:
    """`main` and all below it; `size` is the length of the dump in bytes. Raises BytecodeError."""
    texts = Texts(_TEXT_AT_LEAST + _TEXT_PER_BYTE * size, dialect.float_format, dialect.integers)
    functions = in_order(main)
    names = {id(main): ""}
    ready: dict[int, Prototype] = {}
    half_done: list[tuple[RawFunction, Prototype]] = []
    for raw in functions:  # parents first: they name their children and hand down their source
        half_done.append((raw, _one(raw, dialect, texts, names)))
    for raw, prototype in reversed(half_done):  # children first: a prototype is frozen
        ready[id(raw)] = replace(prototype, children=tuple(ready[id(child)] for child in raw.children))
    return ready[id(main)]


def in_order(main: RawFunction) -> list[RawFunction]:
    """All functions, each before its children, as luac lists them."""
    found: list[RawFunction] = []
    waiting = [main]
    while waiting:
        raw = waiting.pop()
        found.append(raw)
        waiting.extend(reversed(raw.children))
    return found


def _one(raw: RawFunction, dialect: Dialect, texts: Texts, names: dict[int, str]) -> Prototype:
    words = words_of(raw)
    if dialect.captures_in_code:
        _find_captures(raw, words)
    constants = [texts.constant(value) for value in raw.constants]
    upvalue_names = [texts.name(name) for name in raw.upvalue_names]
    upvalue_names += [""] * (raw.upvalue_count - len(upvalue_names))
    children = [f"function <{child.line},{child.last_line}>" for child in raw.children]
    values = raw.constants if dialect.counts_numbers_apart else ()
    scope = Scope(words, [text for text, _ in constants], [name or "-" for name in upvalue_names], children, values)
    code = instructions(scope, lines_of(raw, dialect, len(words)), dialect, texts)
    if raw.children:
        guesses = child_names(raw, code, upvalue_names, dialect)
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
        constants=tuple(scope.constants),
        constant_types=tuple(kind for _, kind in constants),
        upvalues=_upvalues(raw, upvalue_names),
        locals=tuple(Local(texts.name(name), start + 1, end + 1) for name, start, end in raw.locals),
        name=names[id(raw)],
    )


def _upvalues(raw: RawFunction, names: list[str]) -> tuple[Upvalue, ...]:
    described = raw.upvalues + [(0, 0)] * (len(names) - len(raw.upvalues))
    return tuple(
        Upvalue(name, bool(where[0]), where[1], where[2] if len(where) > 2 else 0)
        for name, where in zip(names, described, strict=True)
    )


def _find_captures(raw: RawFunction, words: tuple[int, ...]) -> None:
    """5.1 does not describe upvalues; the instructions after a CLOSURE say where its upvalues come from."""
    for pc, word in enumerate(words):
        if word & 0x3F != _CLOSURE or word >> 14 >= len(raw.children):
            continue
        child = raw.children[word >> 14]
        if child.upvalues:  # known from an earlier CLOSURE; looking again would make hostile code slow
            continue
        captures = words[pc + 1 : pc + 1 + child.upvalue_count]
        child.upvalues = [(int(capture & 0x3F == _MOVE), capture >> 23) for capture in captures]
