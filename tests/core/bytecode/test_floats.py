"""Float constants: no two that differ look the same, and listings print 14 digits, as luac does."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope import bytecode
from moonscope.bytecode.text import Texts, as_listed
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion


@given(one=st.floats(), other=st.floats(), integers=st.booleans())
def test_floats_that_look_the_same_are_the_same(one: float, other: float, integers: bool) -> None:
    texts = Texts(1 << 30, "%.14g", integers)
    (shown, _), (other_shown, _) = texts.constant(one), texts.constant(other)
    assert (shown == other_shown) == (struct.pack("d", one) == struct.pack("d", other)) or math.isnan(one)
    if not math.isnan(one):
        assert struct.pack("d", float(shown)) == struct.pack("d", one)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_listing_prints_what_luac_prints(value: float) -> None:
    text, kind = Texts(1 << 30, "%.14g", False).constant(value)
    assert as_listed(f"- {text}", (text,), (kind,)) == f"- {value:.14g}"
    assert as_listed(f'"{text}" {text}', (text,), (kind,)) == f'"{text}" {value:.14g}'


@pytest.mark.parametrize("lua", LuaVersion)
def test_the_listing_of_a_file_with_long_floats(lua: LuaVersion, tmp_path: Path) -> None:
    file = tmp_path / "pi.lua"
    file.write_text("local x = ... return x * 3.141592653589793, '3.141592653589793', 3.141592653589793")
    tree = bytecode.read(CodeCache(lua).compile(str(file)), lua, "pi.lua")
    assert "3.1415926535897931" in tree.root.constants
    listing = bytecode.listing(tree)
    assert "3.1415926535898" in listing
    assert "3.1415926535897931" not in listing
    assert "'3.141592653589793'" in listing.replace('"', "'")
