"""Trees to analyse: Lua sources compiled by the Luas of lupa and read back."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

import pytest

from moonscope import bytecode
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, PrototypeTree


class Compile(Protocol):
    def __call__(self, source: str, lua: LuaVersion = ..., name: str = ...) -> PrototypeTree: ...


@pytest.fixture(params=LuaVersion)
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    """Every Lua, one after the other."""
    return LuaVersion(request.param)


@pytest.fixture(scope="session")
def tree_of(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """The prototypes of a Lua source."""
    folder: Path = tmp_path_factory.mktemp("sources")
    caches: dict[LuaVersion, CodeCache] = {}

    def compile(source: str, lua: LuaVersion = LuaVersion.LUA54, name: str = "test.lua") -> PrototypeTree:
        path = folder / name
        path.write_text(source, encoding="utf-8")
        if lua not in caches:
            caches[lua] = CodeCache(lua)
        return bytecode.read(caches[lua].compile(str(path)), lua, name)

    return compile


def execute(lua: LuaVersion, code: bytes) -> bytes:
    """What a chunk returns in a bare VM of that Lua."""
    module = importlib.import_module("lupa." + (lua if "jit" in lua else f"lua{lua}").replace(".", ""))
    result = module.LuaRuntime(encoding=None).execute(code)
    assert isinstance(result, bytes)
    return result
