"""Real chunks to look at: compiled by the Luas of lupa, read by the bytecode reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from moonscope.bytecode import read
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, PrototypeTree
from moonscope_gui.features.inspector.detail import Detail

PATIENCE_MS = 30_000

SOURCE = """local M = {}
local limit = 10

function M.sum(list, first)
  local total = 0
  for i = first or 1, #list do
    if list[i] > limit then
      total = total + limit
    else
      total = total + list[i]
    end
  end
  return total
end

function M.greet(name)
  local function twice(text) return text .. text end
  return twice("hello ") .. name
end

return M
"""

Compile = Callable[..., PrototypeTree]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "sample.lua"
    file.write_text(SOURCE)
    return file


@pytest.fixture
def compiled(path: Path) -> Compile:
    """The tree of a source text, in any Lua."""

    def compile(source: str = SOURCE, lua: LuaVersion = LuaVersion.LUA54) -> PrototypeTree:
        path.write_text(source)
        return read(CodeCache(lua).compile(str(path)), lua, str(path))

    return compile


@pytest.fixture
def tree(compiled: Compile) -> PrototypeTree:
    return compiled()


@pytest.fixture
def detail(qtbot: QtBot) -> Detail:
    """On screen, with room for everything beside each other."""
    detail = Detail()
    qtbot.addWidget(detail)
    detail.resize(1200, 800)
    with qtbot.waitExposed(detail):
        detail.show()
    return detail
