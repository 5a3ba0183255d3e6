"""The tables of opcodes: all that they say can be carried out, and says what the VM does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from moonscope.bytecode import read
from moonscope.bytecode.follow import Follower, operations
from moonscope.bytecode.formats import FORMAT_54
from moonscope.bytecode.opcodes import Opcode, read_table
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import LuaVersion

from .conftest import Dump

LUAS = list(LuaVersion)
PUC = [lua for lua in LUAS if "jit" not in lua]


class Recorder(Follower[str]):
    """Writes down what it is told; a value is known by where it is from."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def load(self, slot: int) -> str:
        return f"r{slot}" if slot >= 0 else f"u{-1 - slot}"

    known = load

    def globals(self) -> str:
        return "G"

    def constant(self, index: int) -> str:
        return f"k{index}"

    def closure(self, child: int) -> str:
        return f"p{child}"

    def number(self, value: int) -> str:
        return str(value)

    def read(self, table: str | None, key: str | None) -> str:
        return f"{table}[{key}]"

    def write(self, table: str | None, key: str | None, value: str | None) -> None:
        self.told.append(f"{table}[{key}] = {value}")

    def receive(self, slot: int, value: str | None) -> None:
        self.told.append(f"{self.load(slot)} = {value}")

    def forget(self, first: int, last: int) -> None:
        self.told.append(f"r{first}..r{last} = ?")

    def call(self, function: int, count: int) -> None:
        self.told.append(f"call r{function} {count}")

    def give(self, first: int, count: int) -> None:
        self.told.append(f"give r{first} {count}")

    def declare(self) -> None:
        self.told.append("declare")


def carried_out(opcode: Opcode, *operands: int) -> list[str]:
    recorder = Recorder()
    recorder.step((1, opcode, operands))
    return recorder.told


@pytest.mark.parametrize("lua", LUAS)
def test_fields_and_kinds_are_those_that_there_are(lua: LuaVersion) -> None:
    dialect = DIALECTS[lua]
    for opcode in dialect.opcodes:
        assert set(opcode.kinds) <= set("rkxupvjnifl" + ("moy" if "jit" in lua else "g")), opcode
        assert set(opcode.fields) <= set(dialect.form.fields), opcode
        words = set(re.findall(r"[A-Za-z]+", " ".join(opcode.steps)))
        assert words - set(opcode.fields) <= {"G", "call", "give", "declare", "to", "pc", "if", "or", "skip", "stop"}


@pytest.mark.parametrize("lua", LUAS)
def test_each_opcode_can_be_carried_out(lua: LuaVersion) -> None:
    for opcode in DIALECTS[lua].opcodes:
        told = carried_out(opcode, *[2] * len(opcode.kinds))
        assert len(told) == sum(step not in ("", "skip", "stop") and step[:3] != "to " for step in opcode.steps), opcode


def test_what_an_instruction_does_follows_from_its_operands() -> None:
    old, new, jit = (DIALECTS[lua].by_name for lua in (LuaVersion.LUA53, LuaVersion.LUA54, LuaVersion.LUAJIT21))
    assert carried_out(old["SETTABLE"], 0, -3, 1) == ["r0[k2] = r1"]
    assert carried_out(old["SETTABUP"], 0, 4, -1) == ["u0[r4] = k0"]
    assert carried_out(old["LOADK"], 1, -2) == ["r1 = k1"]
    assert carried_out(new["SETFIELD"], 0, 3, 1, 0) == ["r0[k3] = r1"]
    assert carried_out(new["SETFIELD"], 0, 3, 1, 1) == ["r0[k3] = k1"]
    assert carried_out(new["GETI"], 0, 3, 1) == ["r0 = r3[None]"]
    assert carried_out(new["SELF"], 4, 1, 7, 1) == ["r5 = r1", "r4 = r1[k7]"]
    assert carried_out(new["SETUPVAL"], 4, 1) == ["u1 = r4"]
    assert carried_out(new["LOADNIL"], 4, 2) == ["r4..r6 = ?"]
    assert carried_out(new["CALL"], 4, 3, 1) == ["call r4 2"]
    assert carried_out(new["RETURN"], 4, 0, 1, 0) == ["give r4 -1"]
    assert carried_out(jit["CALLT"], 4, 3) == ["call r4 2", "give r4 1"]
    assert carried_out(jit["USETS"], 1, 3) == ["u1 = k3"]
    assert carried_out(jit["TSETV"], 4, 1, 2) == ["r1[r2] = r4"]
    assert carried_out(jit["GGET"], 4, 1) == ["r4 = G[k1]"]


class Forgetful(Recorder):
    forget = Follower.forget


@pytest.mark.parametrize(("count", "left"), [(1, {0, 1, 2, 9, -1}), (3, {0, 9, -1}), (0, {0, -1})])
def test_many_registers_are_forgotten_when_their_number_is_not_known(count: int, left: Any) -> None:
    follower = Forgetful()
    follower.state = {0: "a", 1: "b", 2: "c", 9: "d", -1: "up"}
    follower.step((1, DIALECTS[LuaVersion.LUA54].by_name["VARARG"], (1, count)))
    assert set(follower.state) == left


def test_a_register_or_constant_is_told_by_its_sign_or_by_the_flag() -> None:
    assert DIALECTS[LuaVersion.LUA53].by_name["ADD"].named((0, 1, -1)) == [("r", 0), ("r", 1), ("k", 0)]
    settable = DIALECTS[LuaVersion.LUA54].by_name["SETTABLE"]
    assert settable.named((0, 1, 2, 0)) == [("r", 0), ("r", 1), ("r", 2), ("f", 0)]
    assert settable.named((0, 1, 2, 1)) == [("r", 0), ("r", 1), ("k", 2), ("f", 1)]


@pytest.mark.parametrize("lua", PUC)
def test_what_names_something_is_in_the_comment(
    lua: LuaVersion, dump: Dump, sources: Callable[[LuaVersion], dict[str, bytes]]
) -> None:
    """Of real code: each constant and upvalue that an instruction names, as luac words it."""
    seen = 0
    for source in sources(lua).values():
        for prototype in read(dump(lua, source), lua).root.children:
            for each in prototype.code:
                for kind, number in DIALECTS[lua].by_name[each.opcode].named(each.operands):
                    if kind in "ku":
                        name = prototype.constants[number] if kind == "k" else prototype.upvalues[number].name
                        assert name.strip('"') in each.comment, each
                        seen += 1
    assert seen > 20


def test_the_instructions_that_describe_a_closure_of_51_are_not_carried_out(dump: Dump) -> None:
    source = "local a, b = 1, 2; return function() return a, b end"
    root = read(dump(LuaVersion.LUA51, source), LuaVersion.LUA51).root
    told = [(each.opcode, opcode.name if opcode else None) for each, (_, opcode, _) in zip(
        root.code, operations(root.code, [2], DIALECTS[LuaVersion.LUA51]), strict=True)]  # fmt: skip
    at = told.index(("CLOSURE", "CLOSURE"))
    assert told[at + 1 : at + 4] == [("MOVE", None), ("MOVE", None), ("RETURN", "RETURN")]
    assert list(operations(tuple(root.code), [2], DIALECTS[LuaVersion.LUA51])) == list(
        operations(root.code, [2], DIALECTS[LuaVersion.LUA51])
    )


def test_a_table_can_be_told_by_what_differs() -> None:
    base = read_table("rA | A = ? |: ONE TWO THREE*\n rA | stop |: FOUR", FORMAT_54)
    changed = read_table("- TWO\n rA rB | A = B |: THREE\n after ONE\n | skip |: NEW NEWER", FORMAT_54, base)
    assert list(base) == ["ONE", "TWO", "THREE", "FOUR"]
    assert [each.silent for each in base.values()] == [False, False, True, False]
    assert list(changed) == ["ONE", "NEW", "NEWER", "THREE", "FOUR"]
    assert (changed["THREE"].kinds, changed["NEW"].skips, changed["FOUR"].stops) == ("rr", True, True)


def test_each_lua_has_as_many_opcodes_as_it_has() -> None:
    """NUM_OPCODES of lopcodes.h, BC__MAX of lj_bc.h."""
    assert [len(DIALECTS[lua].opcodes) for lua in LUAS] == [38, 40, 47, 83, 85, 93, 97]
