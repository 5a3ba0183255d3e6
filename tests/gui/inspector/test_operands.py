"""What operands are, and the variables in registers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope.model import Instruction, Local, LuaVersion, PrototypeTree
from moonscope_gui.code.operands import Registers, kinds_of, references

from .conftest import Compile


def instruction(opcode: str, *operands: int) -> Instruction:
    return Instruction(pc=1, line=1, opcode=opcode, operands=operands)


def test_a_register_or_constant_is_told_by_its_sign_or_by_the_flag() -> None:
    assert kinds_of(instruction("ADD", 0, 1, -1), LuaVersion.LUA53) == "rrk"
    assert kinds_of(instruction("SETTABLE", 0, 1, 2, 0), LuaVersion.LUA54) == "rrrf"
    assert kinds_of(instruction("SETTABLE", 0, 1, 2, 1), LuaVersion.LUA54) == "rrkf"


def test_nothing_is_said_of_unknown_words() -> None:
    assert kinds_of(instruction("#12", 99), LuaVersion.LUAJIT21) == ""
    assert kinds_of(instruction("(data)", 99), LuaVersion.LUA51) == ""


@pytest.mark.parametrize("lua", LuaVersion)
def test_references_are_to_what_the_meaning_tells(lua: LuaVersion, compiled: Compile) -> None:
    """Of real code: each constant that an instruction names is in its comment."""
    seen = 0
    for prototype in compiled(lua=lua).root.walk():
        for each in prototype.code:
            for kind, place in references(each, lua):
                names = {"k": prototype.constants, "u": [upvalue.name for upvalue in prototype.upvalues]}[kind]
                assert names[place].strip('"') in each.comment
                seen += 1
    assert seen >= 5


class TestRegisters:
    def test_variables_are_where_the_code_has_them(self, tree: PrototypeTree) -> None:
        total = tree.root.children[0]
        registers = Registers(total.locals)
        names = [local.name for local in total.locals]
        assert names[:3] == ["list", "first", "total"]
        assert registers.of[:3] == [0, 1, 2]
        assert registers.name(0, 1) == "list"
        assert registers.name(7, 1) == ""

    def test_the_instruction_that_makes_a_variable_knows_its_name(self) -> None:
        registers = Registers((Local("a", 1, 9), Local("b", 4, 9)))
        assert [registers.name(1, pc) for pc in (2, 3, 4, 8, 9)] == ["", "b", "b", "b", ""]

    def test_a_register_is_used_again_when_a_block_ends(self) -> None:
        registers = Registers((Local("a", 1, 20), Local("b", 3, 6), Local("c", 7, 10), Local("d", 8, 10)))
        assert registers.of == [0, 1, 1, 2]
        assert [registers.name(1, pc) for pc in (3, 6, 7)] == ["b", "c", "c"]
        assert registers.alive(8) == {0, 2, 3}

    @pytest.mark.slow
    @given(spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=30))
    def test_two_living_variables_are_never_in_one_register(self, spans: list[tuple[int, int]]) -> None:
        """Blocks nest: a block is cut where the one around it ends."""
        variables: list[Local] = []
        open_until: list[int] = []
        for start, length in sorted(spans):
            open_until = [end for end in open_until if end > start]
            end = min([start + length, *open_until[-1:]])
            open_until.append(end)
            variables.append(Local(f"v{len(variables)}", start, end))
        registers = Registers(variables)
        for pc in range(62):
            alive = [place for place, each in enumerate(variables) if each.start_pc <= pc < each.end_pc]
            assert registers.alive(pc) == set(alive)
            assert len({registers.of[place] for place in alive}) == len(alive)
            assert all(registers.name(registers.of[place], pc) == variables[place].name for place in alive)
