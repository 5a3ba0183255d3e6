"""A program's own lupa runtimes can load through a cache."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.engine import Engine
from moonscope.errors import UnsupportedError, UsageError
from moonscope.model import CacheMode, Counters, LuaVersion
from moonscope.vms.vm import LuaVM

Write = Callable[[str, str | bytes], str]


def own_runtime(lua: LuaVersion, **options: object) -> object:
    module = importlib.import_module("lupa." + lua.name.lower())
    return module.LuaRuntime(**options)


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_an_own_runtime_loads_through_the_cache(lua: LuaVersion, encoding: str | None, write: Write) -> None:
    cache = CodeCache(lua)
    path = write("a.lua", "return 6 * 7")
    vm = LuaVM(cache)
    vm.run(f"loadfile({path!r})")
    lua_runtime = own_runtime(lua, encoding=encoding)
    attached = cache.attach(lua_runtime)
    assert lua_runtime.execute(f"return dofile({path!r})") == 42  # type: ignore[attr-defined]
    assert cache.counters() == Counters(hits=1, misses=1)
    assert set(cache.holders(cache.generations()[0].id)) == {vm.id, attached.id}
    attached.mode = CacheMode.OFF
    lua_runtime.execute(f"return dofile({path!r})")  # type: ignore[attr-defined]
    assert cache.counters() == Counters(hits=1, misses=1, bypasses=1)
    attached.close()
    attached.close()
    del lua_runtime
    vm.close()
    assert cache.generations()[0].holders == 0


def test_python_stays_reachable_for_an_own_runtime() -> None:
    """Attaching changes the loaders and nothing else."""
    lua_runtime = own_runtime(LuaVersion.LUA54)
    CodeCache().attach(lua_runtime)
    assert lua_runtime.eval("python.eval('1 + 1')") == 2  # type: ignore[attr-defined]


def test_a_runtime_of_another_lua_is_refused() -> None:
    with pytest.raises(UsageError, match=r"lupa\.lua54.*lua51"):
        CodeCache(LuaVersion.LUA54).attach(own_runtime(LuaVersion.LUA51))
    with pytest.raises(UsageError):
        CodeCache().attach(object())


def test_a_runtime_without_package_is_refused() -> None:
    lua_runtime = own_runtime(LuaVersion.LUA54)
    lua_runtime.execute("package = nil")  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedError, match="package"):
        CodeCache().attach(lua_runtime)


def test_a_runtime_joins_one_cache_once(lua: LuaVersion, write: Write) -> None:
    lua_runtime = own_runtime(lua)
    cache, other = CodeCache(lua, own=False), CodeCache(lua, own=False)
    cache.attach(lua_runtime)
    for again in (cache, other):
        with pytest.raises(UnsupportedError, match="it loads through a cache already"):
            again.attach(lua_runtime)
    lua_runtime.execute(f"loadfile({write('a.lua', 'return 1')!r})")  # type: ignore[attr-defined]
    assert (cache.counters().misses, other.counters().loads) == (1, 0)
    assert (len(cache.native.vms()), len(other.native.vms())) == (1, 0)


def test_an_unknown_lua_is_refused() -> None:
    with pytest.raises(UsageError, match="known are"):
        CodeCache("6.0")


def test_an_attached_runtime_is_seen_by_its_engine(write: Write) -> None:
    engine = Engine(own_runtime=False)
    lua_runtime = own_runtime(LuaVersion.LUA54)
    attached = engine.cache().attach(lua_runtime)
    lua_runtime.execute(f"loadfile({write('a.lua', 'return 1')!r})")  # type: ignore[attr-defined]
    revision = engine.changes(0).revision
    assert engine.wait(revision, 20)
    assert engine.wait(engine.changes(0).revision, 20)
    [row] = engine.changes(0).vms
    assert (row.id, row.counters) == (attached.id, Counters(misses=1))
    attached.close()
    engine.close()
