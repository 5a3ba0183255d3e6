"""What a prototype has besides code, as tables: constants, upvalues, locals.

Rows that the selected instruction is concerned with are brought out: the constants and upvalues it names, the
variables that are alive there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject

from moonscope.model import Instruction, LuaVersion, Prototype, Upvalue

from ...code.operands import Registers, references
from ...widgets.table import Column, TableModel

_MARK = "\N{BLACK CIRCLE}"


@dataclass(frozen=True)
class Entry:
    """An entry of a list, with its place."""

    place: int
    value: Any
    kind: str = ""  # a constant's type, a variable's register
    lit: bool = False  # the selected instruction is concerned with it


def _tone(entry: Entry) -> str:
    return "" if entry.lit else "muted"


def _right(number: int) -> str:
    """Numbers under each other in a fixed-width font."""
    return f"{number:4}"


def _mark(tip: str) -> Column[Entry]:
    return Column("selected", "", lambda e: e.lit, lambda lit: _MARK if lit else "", tip, width=2,
                  tone=lambda e: "accent")  # fmt: skip


_CONSTANT_TONES = {"string": "string", "integer": "number", "float": "number", "number": "number"}
_CONSTANTS: tuple[Column[Entry], ...] = (
    _mark("Named by the selected instruction"),
    Column("place", "#", lambda e: e.place, _right, "Place, from 0", width=4, tone=_tone),
    Column("type", "Type", lambda e: e.kind, width=8, tone=_tone),
    Column("value", "Value", lambda e: e.value, tip="Double-click to go through the instructions that use it", width=16,
           stretch=True, tone=lambda e: _CONSTANT_TONES.get(e.kind, "keyword"), cell_tip=lambda e: e.value),
)  # fmt: skip
_UPVALUES: tuple[Column[Entry], ...] = (
    _mark("Named by the selected instruction"),
    Column("place", "#", lambda e: e.place, _right, "Place, from 0, as instructions name it", width=4, tone=_tone),
    Column("name", "Name", lambda e: e.value.name or "(no name)", tip="Double-click to go through its uses", width=12,
           stretch=True, tone=lambda e: "upvalue" if e.value.name else "muted"),
    Column("from", "Captured from", lambda e: _captured(e.value), width=20, tone=_tone,
           tip="Where the enclosing function has the variable"),
)  # fmt: skip
_LOCALS: tuple[Column[Entry], ...] = (
    _mark("Alive at the selected instruction"),
    Column("register", "Register", lambda e: e.kind, width=7, tone=_tone, order=lambda text: int(text[1:] or 0)),
    Column("name", "Name", lambda e: e.value.name, tip="Double-click to go where its life begins", width=12,
           stretch=True, tone=lambda e: "local" if e.lit else "muted"),
    Column("start", "From PC", lambda e: e.value.start_pc, _right, "First instruction that can use it", width=7,
           tone=_tone),
    Column("end", "To PC", lambda e: e.value.end_pc, _right, "First instruction that cannot use it any more",
           width=7, tone=_tone),
)  # fmt: skip


def _captured(upvalue: Upvalue) -> str:
    return f"local in register {upvalue.index}" if upvalue.in_stack else f"its upvalue {upvalue.index}"


class EntriesModel(TableModel[Entry]):
    """Rows are made when the table is seen: `show` only keeps what makes them."""

    def __init__(self, columns: tuple[Column[Entry], ...], parent: QObject | None = None) -> None:
        super().__init__(columns, parent)
        self._make: Callable[[], Iterable[Entry]] | None = None
        self._lit: set[int] = set()

    def row_id(self, row: Entry) -> Hashable:
        return row.place

    def show(self, make: Callable[[], Iterable[Entry]]) -> None:
        self._make = make
        self._lit = set()
        self.reset_rows()

    def fill(self) -> None:
        if self._make is not None:
            make, self._make = self._make, None
            self.reset_rows(make())
            lit, self._lit = self._lit, set()
            self.light(lit)

    def light(self, places: set[int]) -> None:
        """Bring out these entries and no others. Their order stays, whatever the table is sorted by."""
        changed = self._lit ^ places if self._make is None else set()
        self._lit = places
        for place in changed & self._rows.keys():
            entry = self._rows[place]
            self._rows[place] = replace(entry, lit=not entry.lit)
        self._announce(changed)


class Tables:
    """The three tables of the prototype that is shown."""

    def __init__(self, parent: QObject) -> None:
        self.constants = EntriesModel(_CONSTANTS, parent)
        self.upvalues = EntriesModel(_UPVALUES, parent)
        self.locals = EntriesModel(_LOCALS, parent)
        self._prototype: Prototype | None = None
        self._registers = Registers(())
        self._lua = LuaVersion.LUA54

    def show(self, prototype: Prototype | None, registers: Registers, lua: LuaVersion) -> None:
        """None: nothing."""
        self._prototype, self._registers, self._lua = prototype, registers, lua
        self.constants.show(partial(_constants, prototype))
        self.upvalues.show(partial(_upvalues, prototype))
        self.locals.show(partial(_locals, prototype, registers))

    def light(self, instruction: Instruction | None) -> None:
        """Bring out what an instruction is concerned with; None: nothing."""
        named = references(instruction, self._lua) if instruction else []
        self.constants.light({place for kind, place in named if kind == "k"})
        self.upvalues.light({place for kind, place in named if kind == "u"})
        self.locals.light(self._registers.alive(instruction.pc) if instruction else set())

    def uses(self, kind: str, place: int) -> list[int]:
        """The pcs of the instructions that name a constant ("k") or an upvalue ("u")."""
        code = self._prototype.code if self._prototype else ()
        return [each.pc for each in code if (kind, place) in references(each, self._lua)]


def _constants(prototype: Prototype | None) -> Iterator[Entry]:
    typed = zip(prototype.constants, prototype.constant_types, strict=False) if prototype else ()
    return (Entry(place, text, kind) for place, (text, kind) in enumerate(typed))


def _upvalues(prototype: Prototype | None) -> Iterator[Entry]:
    return (Entry(place, upvalue) for place, upvalue in enumerate(prototype.upvalues if prototype else ()))


def _locals(prototype: Prototype | None, registers: Registers) -> Iterator[Entry]:
    variables = prototype.locals if prototype else ()
    return (Entry(place, local, f"R{registers.of[place]}") for place, local in enumerate(variables))
