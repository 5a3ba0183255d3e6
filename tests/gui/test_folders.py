"""File names are shown from the folder on that all of them are in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope_gui.state.folders import CommonFolder

ABSOLUTE = st.lists(st.text("ab.", max_size=3), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
NAMES = st.lists(ABSOLUTE | st.text("ab./", min_size=1, max_size=6), unique=True, max_size=6)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["/a/lua/x.lua", "/a/lua/game/y.lua"], ["x.lua", "game/y.lua"]),
        (["/a/lua/x.lua"], ["x.lua"]),
        (["/a/lua1/x.lua", "/a/lua2/x.lua"], ["lua1/x.lua", "lua2/x.lua"]),
        (["/a/x.lua", "/b/x.lua"], ["/a/x.lua", "/b/x.lua"]),
        (["/a//b/x.lua", "/a/b/x.lua"], ["/b/x.lua", "b/x.lua"]),
        (["x.lua", "./x.lua"], ["x.lua", "./x.lua"]),
        ([], []),
    ],
)
def test_a_folder_that_all_names_share_is_left_out(names: list[str], shown: list[str]) -> None:
    assert [CommonFolder.of(names).short(name) for name in names] == shown


def test_names_that_are_shortened_beside_others_can_be_told_from_them() -> None:
    folder = CommonFolder.of(["/a/lua/x.lua", "/a/lua/y.lua", "x.lua"])
    assert folder.short("/a/lua/x.lua") == "…/x.lua"
    assert folder.short("x.lua") == "x.lua"


@given(NAMES)
def test_different_names_are_shown_differently(names: list[str]) -> None:
    folder = CommonFolder.of(names)
    assert len({folder.short(name) for name in names}) == len(names)
    assert all(name.endswith(folder.short(name).removeprefix("…/")) for name in names)
