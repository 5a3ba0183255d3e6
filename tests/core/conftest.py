"""What the engine's tests share: files, engines and VMs that end with the test, waiting without sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonscope.cache.code_cache import CodeCache
from moonscope.commands import Spawn
from moonscope.engine import Engine
from moonscope.model import LuaVersion, Update, VMOptions
from moonscope.vms.vm import LuaVM

DEADLINE = 20.0  # seconds; only ever reached by a defect

LUAS = tuple(LuaVersion)


@pytest.fixture(params=LUAS)
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    """Every Lua that lupa ships, one after the other."""
    return LuaVersion(request.param)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """write(name, text) puts a file into the test's folder and returns its path."""

    def write(name: str, text: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


@pytest.fixture
def new_vm() -> Iterator[Callable[..., LuaVM]]:
    """new_vm(cache, **options) makes a VM (if not told, of Lua 5.4 with a cache of its own), closed at the end."""
    made: list[LuaVM] = []

    def new_vm(cache: CodeCache | None = None, **options: object) -> LuaVM:
        cache = CodeCache() if cache is None else cache
        made.append(LuaVM(cache, VMOptions(lua=cache.lua, **options)))  # type: ignore[arg-type]
        return made[-1]

    yield new_vm
    for vm in made:
        closer = threading.Thread(target=vm.close, daemon=True)  # a VM that cannot be ended fails, and stalls nothing
        closer.start()
        closer.join(DEADLINE)
        assert vm.closed, f"VM {vm.id} could not be closed"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(interval=0.02) as engine:
        yield engine


@pytest.fixture
def spawn(engine: Engine) -> Callable[..., tuple[int, ...]]:
    """spawn(count, **options) spawns VMs in `engine` and gives their ids."""

    def spawn(count: int = 1, **options: object) -> tuple[int, ...]:
        result = engine.perform(Spawn(count=count, options=VMOptions(**options)))  # type: ignore[arg-type]
        return result.vms

    return spawn


@pytest.fixture
def eventually(engine: Engine) -> Callable[[Callable[[Update], object]], Update]:
    """eventually(holds) waits for a snapshot of `engine` for which `holds` is true, and gives it."""

    def eventually(holds: Callable[[Update], object]) -> Update:
        deadline = time.monotonic() + DEADLINE
        while True:
            snapshot = engine.changes(0)
            if holds(snapshot):
                return snapshot
            assert time.monotonic() < deadline, f"never came: {snapshot!r:.2000}"
            engine.wait(snapshot.revision, DEADLINE)

    return eventually
