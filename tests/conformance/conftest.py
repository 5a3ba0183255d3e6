"""What the conformance tests share: Lua's own test files, and the libraries and tiers of this environment."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion, Sharing, VMOptions
from moonscope.vms.vm import LuaVM

REQUIREMENT = Path(__file__).parent / "lupa.txt"

@pytest.fixture(params=[LuaVersion.LUA54, LuaVersion.LUA55])
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    """The Luas on which code is shared."""
    return LuaVersion(request.param)


@pytest.fixture(params=["lupa", "own"])
def library(request: pytest.FixtureRequest, lua: LuaVersion) -> str:
    """Stock lupa, or moonscope-runtime where it is installed."""
    if request.param == "own" and not runtime.has_own(lua):
        pytest.skip("moonscope-runtime is not installed (packaging/runtime)")
    return str(request.param)


@pytest.fixture
def tiers(library: str) -> tuple[Sharing, ...]:
    """What exists for `library`."""
    return (Sharing.OFF, Sharing.BYTECODE, Sharing.GRAFT, *([Sharing.DIRECT] if library == "own" else []))


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `third-party` of lupa's source distribution."""
    folder = tmp_path_factory.mktemp("lupa")
    done = download(folder)
    archive = next(folder.glob("lupa-*.tar.gz"), None)
    if done.returncode != 0 or archive is None:
        pytest.skip(f"pip could not get lupa's source distribution, which has Lua's test files:\n{done.stderr.strip()}")
    assert archive is not None
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none
        tar.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz") / "third-party"


def download(folder: Path) -> subprocess.CompletedProcess[str]:
    """pip looks where it is configured to look: an index, a mirror or a folder. The file's hash is pinned."""
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(REQUIREMENT)]
    # pip asks lupa's setup.py for its name, and that compiles all its Luas first unless it is told not to.
    environment = {**os.environ, "LUPA_NO_BUNDLE": "true"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


# The rest is for cases of our own, which run in this process.


@dataclass(frozen=True)
class Way:
    """One way to get a cached function: a Lua of a library, and a tier."""

    lua: LuaVersion
    own: bool
    sharing: Sharing

    def __str__(self) -> str:
        return f"{'own-' if self.own else ''}{self.lua}-{self.sharing}"

    def new_cache(self, sharing: Sharing | None = None) -> CodeCache:
        """Of this Lua, and by this way unless another is named."""
        wanted = self.sharing if sharing is None else sharing
        cache = CodeCache(self.lua, sharing=wanted, own=self.own)
        assert cache.tier.value == wanted.value
        return cache


WAYS = [
    *(Way(lua, False, Sharing.BYTECODE) for lua in LuaVersion),
    *(Way(lua, own, Sharing.GRAFT) for lua in (LuaVersion.LUA54, LuaVersion.LUA55) for own in (False, True)),
    *(Way(lua, True, Sharing.DIRECT) for lua in (LuaVersion.LUA54, LuaVersion.LUA55)),
]


_serials = itertools.count()


def new_word() -> str:
    """A word that no VM of this process has seen."""
    return f"word_{os.getpid()}_{next(_serials)}"


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """Every way, one after the other."""
    way: Way = request.param
    if way.own and not runtime.has_own(way.lua):
        pytest.skip("moonscope-runtime is not installed (packaging/runtime)")
    return way


Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(text) puts a Lua file into the test's folder and returns its path."""
    count = itertools.count()

    def write(text: str) -> str:
        path = tmp_path / f"file{next(count)}.lua"
        path.write_bytes(text.encode("latin-1"))
        return str(path)

    return write


class VM:
    """A VM of a cache, for tests: a run gives what it returned, and fails the test when it failed."""

    def __init__(self, cache: CodeCache, memory_cap: int | None = None) -> None:
        self.vm = LuaVM(cache, VMOptions(lua=cache.lua, memory_cap=memory_cap))

    def run(self, source: str) -> tuple[str, ...]:
        result = self.vm.run(source)
        assert result.failure is None, f"{result.failure}"
        return result.values

    def error(self, source: str) -> str:
        """The message of a run that fails."""
        result = self.vm.run(source)
        assert result.failure is not None, f"it ran: {result}"
        return result.failure.message


NewVM = Callable[..., VM]
Sharers = tuple[VM, VM]


@pytest.fixture
def new_vm() -> Iterator[NewVM]:
    """new_vm(cache) makes a VM that is closed at the end."""
    made: list[VM] = []

    def new_vm(cache: CodeCache, memory_cap: int | None = None) -> VM:
        made.append(VM(cache, memory_cap))
        return made[-1]

    yield new_vm
    for vm in made:
        vm.vm.close()


@pytest.fixture
def sharers(way: Way, new_vm: NewVM) -> Sharers:
    """Two VMs of one cache: what the first has loaded is served to the second."""
    cache = way.new_cache()
    return new_vm(cache), new_vm(cache)


@pytest.fixture
def stock(way: Way, new_vm: NewVM) -> VM:
    """A VM that loads plainly."""
    return new_vm(way.new_cache(Sharing.OFF))
