"""Errors beside the name of their file do not say it again."""

from __future__ import annotations

import pytest

from moonscope_gui.state.lua_error import without_name

LONG = "/home/somebody/with/a/very/long/name/of/a/folder/and/a/file/that/is/deep.lua"


@pytest.mark.parametrize(
    ("error", "key", "shown"),
    [
        ("/a/b.lua:10: 'end' expected", "/a/b.lua", "line 10: 'end' expected"),
        ("/a/b:2:c.lua:10: oh", "/a/b:2:c.lua", "line 10: oh"),
        ("...name/of/a/folder/and/a/file/that/is/deep.lua:7: oh", LONG, "line 7: oh"),
        ("...another/file.lua:7: oh", LONG, "...another/file.lua:7: oh"),
        ("other.lua:1: oh", "/a/b.lua", "other.lua:1: oh"),
        ("no such file", "/a/b.lua", "no such file"),
        ("", "/a/b.lua", ""),
    ],
)
def test_the_name_is_left_out_where_it_is_the_same(error: str, key: str, shown: str) -> None:
    assert without_name(error, key) == shown
