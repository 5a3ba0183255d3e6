"""Trees of prototypes as they are sent and kept: nothing is lost, no step is long, bad bytes are refused."""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from moonscope.bytecode import read
from moonscope.cache import CodeCache
from moonscope.errors import ProtocolError
from moonscope.model import Instruction, LuaVersion, Prototype, PrototypeTree
from moonscope.model.packed import PIECE, PackedTree, pack, unpack
from moonscope.trees import MOST, Trees

SOURCE = """
local M = { "ten", 20, 3.5, true }
function M.outer(a) return function(b) return a .. b, M[1] end end
function M.other(...) local x <const> = 1 return x, ... end
return M
"""


def function(code: int, constants: int, children: tuple[Prototype, ...] = ()) -> Prototype:
    return Prototype(
        source="@a.lua", line=1, last_line=2, parameters=0, vararg=False, stack_size=2, size=100,
        code=tuple(Instruction(pc=pc, line=1, opcode="MOVE", operands=(pc, 1)) for pc in range(1, code + 1)),
        constants=tuple(map(str, range(constants))), constant_types=("string",) * constants, children=children,
    )  # fmt: skip


sizes = st.integers(0, 40)
prototypes = st.recursive(
    st.builds(function, sizes, sizes),
    lambda nested: st.builds(function, sizes, sizes, st.lists(nested, max_size=3).map(tuple)),
    max_leaves=12,
)


@given(root=prototypes, generation=st.none() | st.integers(1, 9))
def test_a_tree_comes_back_as_it_was(root: Prototype, generation: int | None) -> None:
    tree = PrototypeTree(lua=LuaVersion.LUA53, key="a.lua", root=root, generation=generation, notice="stripped")
    assert unpack(pack(tree)) == tree


@pytest.mark.parametrize("lua", list(LuaVersion))
def test_so_does_a_real_file_in_every_lua(lua: LuaVersion, tmp_path: Path) -> None:
    file = tmp_path / "a.lua"
    file.write_text(SOURCE.replace("<const>", "" if lua not in (LuaVersion.LUA54, LuaVersion.LUA55) else "<const>"))
    tree = read(CodeCache(lua).compile(str(file)), lua, "a.lua")
    assert unpack(pack(tree)) == tree


@pytest.mark.parametrize(("code", "constants"), [(5 * PIECE + 1, 3), (10, 3 * PIECE), (2 * PIECE, 4 * PIECE)])
def test_a_large_function_is_sent_in_steps(code: int, constants: int) -> None:
    tree = PrototypeTree(lua=LuaVersion.LUA54, key="a.lua", root=function(code, constants))
    packed = pack(tree)
    for piece in packed.pieces:
        parts = msgspec.msgpack.decode(zlib.decompress(piece))
        assert sum(len(part[0]) + len(part[1]) for part in parts) <= 3 * PIECE
    assert unpack(packed) == tree


def test_many_small_functions_are_sent_together() -> None:
    root = function(1, 1, tuple(function(1, 1) for _ in range(1000)))
    assert len(pack(PrototypeTree(lua=LuaVersion.LUA54, key="a.lua", root=root)).pieces) < 20


@given(data=st.binary(max_size=60))
def test_what_is_no_packed_tree_is_refused(data: bytes) -> None:
    for piece in (data, zlib.compress(data)):
        with pytest.raises(ProtocolError):
            unpack(PackedTree(lua=LuaVersion.LUA54, key="a.lua", pieces=(piece,)))


def test_a_tree_with_pieces_missing_is_refused() -> None:
    nested = function(3 * PIECE, 0)
    packed = pack(PrototypeTree(lua=LuaVersion.LUA54, key="a.lua", root=function(1, 1, (nested, nested))))
    for pieces in (packed.pieces[-1:], packed.pieces[:-1], ()):
        with pytest.raises(ProtocolError):
            unpack(replace(packed, pieces=pieces))


def test_a_piece_that_swells_is_refused() -> None:
    with pytest.raises(ProtocolError, match="over"):
        unpack(PackedTree(lua=LuaVersion.LUA54, key="a.lua", pieces=(zlib.compress(bytes(65 << 20)),)))


class TestKept:
    def test_a_generation_is_read_once(self) -> None:
        trees, made = Trees(), PackedTree(lua=LuaVersion.LUA54, key="a.lua", pieces=(b"1",))
        assert trees.get(1, lambda: made) is made
        assert trees.get(1, lambda: pytest.fail("read again")) is made

    def test_the_oldest_give_way(self) -> None:
        trees = Trees()
        half = PackedTree(lua=LuaVersion.LUA54, key="a.lua", pieces=(bytes(MOST // 2),))
        for generation in (1, 2):
            trees.get(generation, lambda: half)
        trees.get(1, lambda: half)  # used again, so 2 is the oldest
        trees.get(3, lambda: half)
        again = replace(half, key="read again")
        assert trees.get(1, lambda: again) is half
        assert trees.get(2, lambda: again) is again
