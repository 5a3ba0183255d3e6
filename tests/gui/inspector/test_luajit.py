"""A LuaJIT file in the inspector: its own instructions with the same links, arrows, colours and lit rows."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from moonscope.bytecode import listing
from moonscope.model import LuaVersion
from moonscope_gui.code.operands import Registers, references
from moonscope_gui.features.inspector.listing_model import JUMPS, MEANING, OPERANDS, ListingModel
from moonscope_gui.features.inspector.tables import Tables

from .conftest import Compile

JITS = [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]


@pytest.fixture(params=JITS)
def model(request: pytest.FixtureRequest, compiled: Compile, qtbot: QtBot) -> ListingModel:
    """The listing of the sample's main function."""
    model = ListingModel()
    model.show(compiled(lua=request.param).root, request.param)
    return model


def rows_with(model: ListingModel, opcode: str) -> list[int]:
    return [row for row, each in enumerate(model.code) if each.opcode == opcode]


def test_a_closure_leads_to_the_nested_function(model: ListingModel) -> None:
    assert [model.child_at(row) for row in rows_with(model, "FNEW")] == [0, 1]
    assert model.text_at(rows_with(model, "FNEW")[0], MEANING).startswith("function M.sum <4,14>")


def test_jumps_have_arrows_and_targets(model: ListingModel) -> None:
    assert model.prototype is not None
    model.show(model.prototype.children[0], model.lua)
    assert model.arrows.lanes >= 2
    jumps = [row for row, each in enumerate(model.code) if each.target is not None]
    assert {model.code[row].opcode for row in jumps} == {"JMP", "FORI", "FORL"}
    for row in jumps:
        target = model.target_at(row)
        assert target is not None
        assert model.text_at(row, JUMPS).startswith(f"jumps to {target + 1}")
        assert (f"to {target + 1}", "link") in model.spans(row, MEANING)


def test_operands_are_coloured_and_registers_have_the_names_of_variables(model: ListingModel) -> None:
    [put] = rows_with(model, "TSETS")[:1]
    assert [tone for _, tone in model.spans(put, OPERANDS)] == ["register", "register", "string"]
    assert ('"sum"', "string") in model.spans(put, MEANING)
    assert "M" in model.text_at(put, MEANING).split()


def test_constants_and_upvalues_of_an_instruction_are_lit(model: ListingModel, qtbot: QtBot) -> None:
    prototype = model.prototype
    assert prototype is not None
    tables = Tables(model)
    tables.show(prototype, Registers(prototype.locals), model.lua)
    put = model.code[rows_with(model, "TSETS")[0]]
    assert references(put, model.lua) == [("k", prototype.constants.index('"sum"'))]
    assert put.pc in tables.uses("k", prototype.constants.index('"sum"'))


def test_a_row_is_copied_as_luajit_prints_it(model: ListingModel, compiled: Compile) -> None:
    tree = compiled(lua=model.lua)
    printed = listing(tree).splitlines()
    assert [model.line_of_listing(row) for row in range(model.rowCount())] == printed[-1 - model.rowCount() : -1]
    assert model.line_of_listing(rows_with(model, "FNEW")[0]) in printed
