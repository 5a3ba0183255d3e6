"""Public functions say in words which argument has a wrong type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import moonscope
from moonscope.commands import Spawn
from moonscope.errors import MoonscopeError, UsageError
from moonscope.model import CacheMode, Sharing

CLASSES = [moonscope.Engine, moonscope.CodeCache, moonscope.VMPool, moonscope.LuaVM, moonscope.EngineClient]
FITTING: dict[str, Any] = {
    "address": "unix:/nowhere",
    "command": Spawn(),
    "function": None,
    "generation": 1,
    "last_line": 1,
    "line": 1,
    "lua_runtime": None,
    "luas": (),
    "mode": CacheMode.ON,
    "names": (),
    "native": 1,
    "path": "x",
    "sharing": Sharing.AUTO,
    "since": 0,
    "source": "return",
    "task": "x",
    "timeout": 0.0,
    "vms": (),
    "work": print,
}
WRONG = [object(), 1.5, "text", b"bytes", None, [object()], {"a": 1}, True, -1]
UNCHECKED = {
    *("self", "cls", "advance", "connection", "future", "ids", "keys", "listener", "lua_runtime"),
    *("on_answering", "on_lost", "on_progress", "on_update", "reason", "run", "watchdog", "welcome", "work"),
}


@pytest.fixture
def instances() -> Iterator[dict[type, Any]]:
    with moonscope.Engine() as engine, moonscope.serve(engine) as server:
        assert server.key_file is not None
        with moonscope.EngineClient.connect(server.address) as client:
            cache = moonscope.CodeCache()
            pool, vm = moonscope.VMPool(), moonscope.LuaVM(cache)
            yield {type(each): each for each in (engine, cache, pool, vm, client)}
            vm.close()
            pool.shutdown()


def parameters() -> Iterator[tuple[type | None, str, str]]:
    for cls in CLASSES:
        for name, member in inspect.getmembers(cls, inspect.isroutine):
            if (name == "__init__" or not name.startswith("_")) and name != "request":  # whose errors are its future's
                yield from ((cls, name, each) for each in inspect.signature(member).parameters if each not in UNCHECKED)
    yield from ((None, "serve", name) for name in inspect.signature(moonscope.serve).parameters)


def callee(cls: type | None, name: str, instances: dict[type, Any]) -> Callable[..., object]:
    if cls is None:
        return moonscope.serve
    return cls if name == "__init__" else getattr(instances[cls], name)


@pytest.mark.parametrize(
    ("cls", "name", "parameter"),
    [pytest.param(*each, id=f"{each[0].__name__ if each[0] else ''}.{each[1]} {each[2]}") for each in parameters()],
)
def test_an_argument_of_a_wrong_type_is_an_error_in_words(
    cls: type | None, name: str, parameter: str, instances: dict[type, Any]
) -> None:
    function = callee(cls, name, instances)
    fitting = FITTING | {"cache": instances[moonscope.CodeCache], "engine": instances[moonscope.Engine]}
    others = {
        each.name: fitting[each.name]
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.name != parameter
    }
    refused: list[str] = []
    for wrong in WRONG:
        try:
            made = function(**others, **{parameter: wrong})
        except UsageError as error:
            refused += [str(error)] if f": {parameter}" in str(error) else []
        except MoonscopeError:  # of a right type, but there is no such VM, no such file …
            pass
        else:
            if name in ("__init__", "serve") and cls is not moonscope.CodeCache:
                getattr(made, "shutdown", getattr(made, "close", None))()
    assert len(refused) >= 4, refused
