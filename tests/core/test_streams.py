"""Files that are pipes: loaded by the stock loader, and the wait for what comes through them can be ended."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import CacheMode, LuaVersion, RunResult
from moonscope.model.names import printable
from moonscope.vms.vm import LuaVM

NewVM = Callable[..., LuaVM]

LOADS = """
local function load_by(mode)
  local load, why = loadfile(NAME, mode)
  return load and tostring((load())) or why
end
return load_by(MODE)"""

CONTENTS = {
    "nothing": b"",
    "text": b"return 'text'",
    "more than a block": b"return #'" + b"x" * 70_000 + b"'",
    "a comment": b"#!/usr/bin/lua -w\nreturn debug.getinfo(1, 'l').currentline",
    "a comment alone": b"# nothing follows",
    "a comment and a line end": b"#\n",
    "a comment longer than a block": b"#" + b"x" * 5_000 + b"\nreturn debug.getinfo(1, 'l').currentline",
    "a byte-order mark": b"\xef\xbb\xbfreturn 'bom'",
    "a byte-order mark and a comment": b"\xef\xbb\xbf# comment\nreturn debug.getinfo(1, 'l').currentline",
    "half a byte-order mark": b"\xef\xbbreturn 1",
    "a syntax error": b"local = 1",
    "its name": b"return debug.getinfo(1, 'S').source .. debug.getinfo(1, 'S').short_src",
}


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe.lua"
    os.mkfifo(path)
    return path


@contextmanager
def writing(pipe: Path, content: bytes, *, again: bool = False) -> Iterator[None]:
    """Someone writes that into the pipe, in pieces. `again`: each time that it is opened, as Lua opens a binary one."""
    over = threading.Event()

    def write() -> None:
        with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as file:
            for start in range(0, len(content), 1500):
                file.write(content[start : start + 1500])
        while again and not over.wait(0.001):
            with suppress(OSError), os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0) as file:
                file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    over.set()
    thread.join()


def script(pipe: Path, mode: str = "nil") -> str:
    return LOADS.replace("NAME", f"[[{pipe}]]").replace("MODE", mode)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("mode", ["nil", "'t'", "'b'"])
def test_a_pipe_is_loaded_as_by_the_stock_function(
    lua: LuaVersion, mode: str, content: str, pipe: Path, new_vm: NewVM
) -> None:
    stock = runtime.library(lua, own=False).new_runtime()
    with writing(pipe, CONTENTS[content]):
        expected = stock.execute(script(pipe, mode).encode())
    vm = new_vm(CodeCache(lua))
    with writing(pipe, CONTENTS[content]):
        result = vm.run(script(pipe, mode))
    assert result.failure is None
    assert result.values == (f'"{printable(expected)}"',)


@pytest.mark.parametrize("before", [b"", b"# a comment\n"])
def test_a_binary_chunk_from_a_pipe_is_refused(lua: LuaVersion, before: bytes, pipe: Path, new_vm: NewVM) -> None:
    with writing(pipe, before + b"\x1bLua rubbish", again=True):
        result = new_vm(CodeCache(lua)).run(script(pipe))
    (why,) = result.values
    if why == '"nil"':  # Lua opens it anew where nobody writes at that moment: an empty chunk
        return
    assert re.search(r"binary chunk \(mode is 't'\)|chunk with wrong mode|malformed bytecode|unexpected symbol", why)


WAYS: dict[str, Callable[[LuaVM, Path], RunResult]] = {
    "loadfile": lambda vm, name: vm.run(f"return loadfile([[{name}]])"),
    "dofile": lambda vm, name: vm.run(f"dofile([[{name}]])"),
    "require": lambda vm, name: vm.run(f"package.path = [[{name}]] require 'pipe'"),
    "io.open": lambda vm, name: vm.run(f"io.open([[{name}]]):read()"),
    "io.lines": lambda vm, name: vm.run(f"for line in io.lines([[{name}]]) do end"),
    "loadfile under pcall": lambda vm, name: vm.run(f"while true do pcall(loadfile, [[{name}]]) end"),
    "running it": lambda vm, name: vm.run_file(str(name)),
}


@pytest.mark.parametrize("mode", [CacheMode.ON, CacheMode.OFF])
@pytest.mark.parametrize("opened", [False, True], ids=["nobody writes", "a writer is silent"])
@pytest.mark.parametrize("way", WAYS)
def test_the_wait_for_a_pipe_can_be_ended(
    lua: LuaVersion, way: str, opened: bool, mode: CacheMode, pipe: Path, new_vm: NewVM
) -> None:
    vm = new_vm(CodeCache(lua), mode=mode)
    silent = os.open(pipe, os.O_RDWR) if opened else None
    results: list[RunResult] = []
    try:
        run = threading.Thread(target=lambda: results.append(WAYS[way](vm, pipe)), daemon=True)
        run.start()
        while run.is_alive():
            vm.interrupt()
            run.join(0.01)
    finally:
        if silent is not None:
            os.close(silent)
    (result,) = results
    assert result.interrupted
    assert result.failure is not None
    assert result.failure.message == "interrupted"
    assert vm.run("return 1 + 1").values == ("2",)


def test_a_time_budget_ends_the_wait_for_a_pipe(lua: LuaVersion, pipe: Path, new_vm: NewVM) -> None:
    vm = new_vm(CodeCache(lua), time_budget=0.05)
    result = vm.run(f"loadfile([[{pipe}]])")
    assert result.failure is not None
    assert result.failure.message == "the time budget of 0.05 s is used up"
