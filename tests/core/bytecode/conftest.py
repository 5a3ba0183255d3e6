"""Dumps to read: made by the Luas of lupa, or by the luac of Debian where it is installed."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Protocol

import pytest

import moonscope_resources
from moonscope.model import LuaVersion

LUA_FILES = Path(__file__).parent / "lua"
SAMPLES = Path(moonscope_resources.__file__).parent / "samples"
SYSTEM = ("/usr/share/lua", "/usr/lib/prosody", "/usr/share/nmap", "/usr/share/nvim")  # Debian packages that ship Lua
SYSTEM_FILES = 150
SUITABLE = {
    "common.lua": {"5.1", "5.2", "5.3", "5.4", "5.5", "luajit2.0", "luajit2.1"},
    "from52.lua": {"5.2", "5.3", "5.4", "5.5"},
    "from53.lua": {"5.3", "5.4", "5.5"},
    "from54.lua": {"5.4", "5.5"},
    "only55.lua": {"5.5"},
}


def real_files() -> list[Path]:
    """Those of the tests, the samples, and those that Debian packages brought to this machine."""
    system = (path for root in SYSTEM for path in sorted(Path(root).rglob("*.lua")))
    return [*sorted(LUA_FILES.glob("*.lua")), *sorted(SAMPLES.rglob("*.lua")), *islice(system, SYSTEM_FILES)]


class Dump(Protocol):
    def __call__(
        self, lua: LuaVersion, source: str | bytes, *, strip: bool = False, name: str = "@test.lua"
    ) -> bytes: ...


@cache
def _dumper(lua: LuaVersion) -> Callable[[bytes, bool, bytes], bytes]:
    module = importlib.import_module("lupa." + (lua if "jit" in lua else "lua" + lua).replace(".", ""))
    runtime = module.LuaRuntime(encoding=None)
    function: Callable[[bytes, bool, bytes], bytes] = runtime.execute(
        b"return function(text, strip, name) return string.dump(assert((loadstring or load)(text, name)), strip) end"
    )
    return function


@pytest.fixture(scope="session")
def dump() -> Dump:
    """What `string.dump` of that Lua gives for a source. 5.1 and 5.2 cannot strip: then nothing is stripped."""

    def make(lua: LuaVersion, source: str | bytes, *, strip: bool = False, name: str = "@test.lua") -> bytes:
        text = source.encode() if isinstance(source, str) else source
        return _dumper(lua)(text, strip, name.encode())

    return make


@pytest.fixture(scope="session")
def sources() -> Callable[[LuaVersion], dict[str, bytes]]:
    """The Lua files beside these tests that a version can compile, by name."""

    def of(lua: LuaVersion) -> dict[str, bytes]:
        return {name: (LUA_FILES / name).read_bytes() for name, luas in SUITABLE.items() if lua in luas}

    return of


class Luac:
    """The real luac of one version."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command = command
        self._folder = folder

    def compile(self, source: Path, strip: bool) -> bytes | None:
        """None when this version cannot compile the file."""
        out = self._folder / "out.luac"
        options = ["-s"] if strip else []
        done = subprocess.run([self._command, *options, "-o", str(out), str(source)], capture_output=True, check=False)
        return out.read_bytes() if done.returncode == 0 else None

    def listing(self, chunk: bytes) -> str:
        """`luac -l -l`, with addresses told as ours are: by the number of the function."""
        path = self._folder / "in.luac"
        path.write_bytes(chunk)
        done = subprocess.run([self._command, "-l", "-l", "-p", str(path)], capture_output=True, check=True)
        text = done.stdout.decode("utf-8", "backslashreplace")
        heads = re.findall(
            r"^(?:main|function) <.*> \(\d+ instructions?(?:, \d+ bytes)? at (0x[0-9a-f]+)\)$", text, re.M
        )
        numbers = {address: f"#{number}" for number, address in enumerate(heads)}
        return re.sub(r"0x[0-9a-f]{6,}", lambda found: numbers.get(found[0], found[0]), text)


class LuaJIT:
    """The real luajit, which has the opcodes of the LuaJIT 2.1 that lupa ships (the tests compare them)."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command = command
        self._folder = folder

    def compile(self, source: Path, strip: bool) -> bytes | None:
        """None when it cannot compile the file."""
        out = self._folder / "out.raw"
        option = "-b" if strip else "-bg"
        done = subprocess.run([self._command, option, str(source), str(out)], capture_output=True, check=False)
        return out.read_bytes() if done.returncode == 0 else None

    def listing(self, chunk: bytes) -> str:
        """`luajit -bl` of a file; a stripped one has no name but that of the file, which we cannot know."""
        path = self._folder / "in.raw"
        path.write_bytes(chunk)
        done = subprocess.run([self._command, "-bl", str(path)], capture_output=True, check=True)
        return done.stdout.decode("utf-8", "backslashreplace").replace("in.raw:", "?:")

    def opcode_names(self) -> list[str]:
        """Of its own list, jit.vmdef."""
        done = subprocess.run(
            [self._command, "-e", "print(require('jit.vmdef').bcnames)"], capture_output=True, check=True, text=True
        )
        return re.findall(".{6}", done.stdout)


@pytest.fixture
def luajit(tmp_path: Path) -> LuaJIT:
    """Without luajit the tests skip."""
    return LuaJIT(_command("luajit", "luajit"), tmp_path)


def _command(name: str, package: str) -> str:
    command = shutil.which(name)
    if command is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
    return command


@pytest.fixture
def luac(request: pytest.FixtureRequest, tmp_path: Path) -> Luac:
    """For tests with a parameter `lua`. Without that luac they skip."""
    lua: LuaVersion = request.getfixturevalue("lua")
    return Luac(_command(f"luac{lua}", f"lua{lua}"), tmp_path)
