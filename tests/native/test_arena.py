"""The memory of a donor: what a state writes into its blocks stays there until it gives them back."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .conftest import Compile

SMALL, LARGE, HUGE = 64, 16 * 1024, 1 << 20  # bytes; from LARGE on a block has memory of its own


class Grafts(ctypes.Structure):
    _fields_ = [("freed", ctypes.c_void_p), ("heap", ctypes.c_void_p), ("to_come", ctypes.c_uint)]


class Arena(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("chunks", "at", "end", "larges")),
        ("grafts", Grafts),
        ("used", ctypes.c_size_t),
        ("most", ctypes.c_size_t),
    ]


@dataclass
class Block:
    address: int
    content: bytes


class State:
    """Asks for memory as a Lua state does."""

    def __init__(self, library: ctypes.CDLL, most: int = 0) -> None:
        self.library, self.arena, self.blocks = library, Arena(most=most), list[Block]()

    def resize(self, block: Block | None, size: int) -> int | None:
        old = len(block.content) if block else 6  # of a block that is made Lua tells the kind
        address: int | None = self.library.arena_allocate(
            ctypes.byref(self.arena), block.address if block else None, old, size
        )
        return address

    def make(self, size: int) -> None:
        address = self.resize(None, size)
        assert address is not None and address % 16 == 0
        self.blocks.append(self.write(address, size))

    def grow_or_shrink(self, number: int, size: int) -> None:
        block = self.blocks[number]
        address = self.resize(block, size)
        assert address is not None and address % 16 == 0
        kept = min(len(block.content), size)
        assert ctypes.string_at(address, kept) == block.content[:kept]
        self.blocks[number] = self.write(address, size)

    def drop(self, number: int) -> None:
        assert self.resize(self.blocks.pop(number), 0) is None

    def write(self, address: int, size: int) -> Block:
        content = bytes([1 + (address // 16 + size) % 255]) * size
        ctypes.memmove(address, content, size)
        return Block(address, content)

    def check(self) -> None:
        assert all(ctypes.string_at(block.address, len(block.content)) == block.content for block in self.blocks)
        assert self.arena.used == sum(len(block.content) for block in self.blocks)

    def close(self) -> None:
        self.library.arena_free(ctypes.byref(self.arena))


@pytest.fixture(scope="module")
def library(compile_c: Compile) -> ctypes.CDLL:
    arena = compile_c("cache/arena.c")
    arena.arena_allocate.restype = ctypes.c_void_p
    arena.arena_allocate.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    return arena


sizes = st.one_of(st.integers(1, SMALL), st.integers(1, HUGE), st.integers(LARGE - 1, LARGE + 1))


@given(steps=st.lists(st.tuples(st.sampled_from(("make", "resize", "drop")), st.integers(0, 1000), sizes), max_size=60))
def test_blocks_keep_their_content_and_are_counted(library: ctypes.CDLL, steps: list[tuple[str, int, int]]) -> None:
    state = State(library)
    for what, number, size in steps:
        if what == "make" or not state.blocks:
            state.make(size)
        elif what == "resize":
            state.grow_or_shrink(number % len(state.blocks), size)
        else:
            state.drop(number % len(state.blocks))
        state.check()
    state.close()


def test_a_state_gets_no_more_than_it_may_hold_and_keeps_what_it_has(library: ctypes.CDLL) -> None:
    state = State(library, most=100_000)
    state.make(60_000)
    state.make(30_000)
    assert state.resize(state.blocks[0], 80_000) is None
    assert state.resize(None, 20_000) is None
    state.check()
    state.drop(0)
    state.make(60_000)
    state.check()
    state.close()


def test_the_newest_block_grows_where_it_is(library: ctypes.CDLL) -> None:
    state = State(library)
    state.make(100)
    at = state.blocks[0].address
    state.grow_or_shrink(0, 1000)
    assert state.blocks[0].address == at
    state.drop(0)
    state.make(16)
    assert state.blocks[0].address == at
    state.close()
