"""Going through a tree of prototypes."""

from __future__ import annotations

import pytest

from moonscope.bytecode import read
from moonscope.model import LuaVersion, Prototype, walk

from .conftest import Dump


@pytest.fixture
def root(dump: Dump) -> Prototype:
    source = "function a() function b() end function c() end end function d() end"
    return read(dump(LuaVersion.LUA54, source), LuaVersion.LUA54).root


def test_each_prototype_comes_before_its_children_as_in_a_listing(root: Prototype) -> None:
    assert [each.name for each in root.walk()] == ["", "a", "b", "c", "d"]
    assert root.total == 5


def test_a_path_leads_from_the_root_to_each(root: Prototype) -> None:
    found = dict(walk(root))
    assert list(found) == [(), (0,), (0, 0), (0, 1), (1,)]
    assert found[0, 1] is root.children[0].children[1]


def test_a_branch_alone_is_a_tree(root: Prototype) -> None:
    assert [path for path, _ in walk(root.children[0])] == [(), (0,), (1,)]
