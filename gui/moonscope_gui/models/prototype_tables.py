"""What one prototype consists of, as tables: instructions, constants, upvalues, locals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QObject

from moonscope.model import Instruction, Local, Prototype, Upvalue

from .table import Column, TableModel


class Numbered(NamedTuple):
    """An entry of a list, with its place."""

    place: int
    value: Any
    kind: str = ""


def operands_of(instruction: Instruction) -> str:
    return " ".join(map(str, instruction.operands))


_INSTRUCTIONS: tuple[Column[Instruction], ...] = (
    Column("pc", "PC", lambda i: i.pc, tip="Number of the instruction, from 1", numeric=True, width=4, searched=True),
    Column("line", "Line", lambda i: i.line or None, lambda line: str(line or ""), "In the source", numeric=True,
           width=4, rank=1),
    Column("opcode", "Opcode", lambda i: i.opcode, width=10),
    Column("operands", "Operands", operands_of, tip="As the reference listing has them", width=9),
    Column("comment", "Meaning", lambda i: i.comment, tip="Double-click a jump or a closure to go there", width=8,
           stretch=True, tone=lambda i: "muted"),
)  # fmt: skip
_CONSTANTS: tuple[Column[Numbered], ...] = (
    Column("place", "#", lambda n: n.place, tip="Place, from 0, as instructions name it", numeric=True, width=4),
    Column("type", "Type", lambda n: n.kind, width=9, tone=lambda n: "muted"),
    Column("value", "Value", lambda n: n.value, width=16, stretch=True),
)
_UPVALUES: tuple[Column[Numbered], ...] = (
    Column("place", "#", lambda n: n.place, tip="Place, from 0, as instructions name it", numeric=True, width=4),
    Column("name", "Name", lambda n: n.value.name or "(no name)", width=14, stretch=True),
    Column("from", "Captured from", lambda n: _captured(n.value), width=20,
           tip="Where the enclosing function has the variable"),
)  # fmt: skip
_LOCALS: tuple[Column[Numbered], ...] = (
    Column("place", "#", lambda n: n.place, numeric=True, width=4),
    Column("name", "Name", lambda n: n.value.name, width=16, stretch=True),
    Column("start", "From PC", lambda n: n.value.start_pc, numeric=True, width=7),
    Column("end", "To PC", lambda n: n.value.end_pc, numeric=True, width=7),
)


def _captured(upvalue: Upvalue) -> str:
    return f"local in register {upvalue.index}" if upvalue.in_stack else f"its upvalue {upvalue.index}"


class InstructionsModel(TableModel[Instruction]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_INSTRUCTIONS, parent)

    def row_id(self, row: Instruction) -> Hashable:
        return row.pc


class NumberedModel(TableModel[Numbered]):
    def row_id(self, row: Numbered) -> Hashable:
        return row.place


class PrototypeTables:
    """The four tables of the prototype that is shown."""

    def __init__(self, parent: QObject) -> None:
        self.instructions = InstructionsModel(parent)
        self.constants = NumberedModel(_CONSTANTS, parent)
        self.upvalues = NumberedModel(_UPVALUES, parent)
        self.locals = NumberedModel(_LOCALS, parent)

    def show(self, prototype: Prototype | None) -> None:
        """None: nothing."""
        upvalues: Sequence[Upvalue] = prototype.upvalues if prototype else ()
        variables: Sequence[Local] = prototype.locals if prototype else ()
        constants = zip(prototype.constants, prototype.constant_types, strict=False) if prototype else ()
        self.instructions.reset_rows(prototype.code if prototype else ())
        self.constants.reset_rows(Numbered(place, text, kind) for place, (text, kind) in enumerate(constants))
        self.upvalues.reset_rows(Numbered(place, upvalue) for place, upvalue in enumerate(upvalues))
        self.locals.reset_rows(Numbered(place, local) for place, local in enumerate(variables))
