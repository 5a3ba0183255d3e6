"""The hash of file names and of words: texts that differ rarely have the same, whatever their length."""

from __future__ import annotations

import ctypes

import pytest

from .conftest import Compile


@pytest.mark.parametrize("length", [4, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33])
def test_texts_that_differ_have_different_hashes(compile_c: Compile, length: int) -> None:
    index_hash = compile_c("cache/index.c").index_hash
    index_hash.restype, index_hash.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    texts = [f"{number:0{length}}".encode() for number in range(5000)]
    assert len({index_hash(text, length) & 0xFFFFFFFF for text in texts}) > 4990
    assert len({index_hash(text, length) & 0xFFFF for text in texts}) > 4500  # about 4,814 if they were random
