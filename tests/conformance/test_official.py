"""Lua's own test files end in every tier, and with both collectors, as they do on the same library without a cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moonscope.model import LuaVersion, Sharing

RUN_ONE = Path(__file__).parent / "run_one.py"
COLLECTORS = ("incremental", "generational")
SECONDS = 120  # for one run of one file, which takes a fraction of a second

# fmt: off
FILES = [
    "all", "api", "attrib", "big", "bitwise", "bwcoercion", "calls", "closure", "code", "constructs", "coroutine",
    "cstack", "db", "errors", "events", "files", "gc", "gengc", "goto", "literals", "locals", "math", "nextvar", "pm",
    "sort", "strings", "tpack", "tracegc", "utf8", "vararg", "verybig",
]
# fmt: on
ALL_FILES = {LuaVersion.LUA54: FILES, LuaVersion.LUA55: [*FILES, "memerr"]}

NOT_RUN = {
    "heavy": "needs many gigabytes of memory",
    "main": "tests the stand-alone interpreter, and ends at once without one",
}

SHARED = {
    # Writes one file again and again and loads it each time. A cache that is keyed by name goes on serving the first
    # version; that is its purpose. So the suite's own files are shared, and what they write is not.
    "files": "suite",
    # Runs the others in one VM, each after string.dump and load. Among them is files.lua.
    "all": "suite",
}

KNOWN_DIFFERENCES = {
    # Equal long strings of one file are one object. Dumps of Lua 5.4 do not keep that (those of 5.5 do), so a cache of
    # dumps cannot. Only '%p' of string.format can tell.
    (LuaVersion.LUA54, Sharing.BYTECODE, "literals"),
}


@dataclass(frozen=True)
class Outcome:
    """How one run ended: what must be the same with and without a cache."""

    status: int
    ended: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    outcome: Outcome
    hits: int
    tiers: tuple[str, ...]


def words(output: str) -> tuple[str, ...]:
    """What was printed, without numbers (times, seeds, bytes) and the dots that finalizers print."""
    without_numbers = re.sub(r"\b[\da-fA-FxX:]*\d[\da-fA-FxX:]*\b", " ", output)
    return tuple(re.findall(r"[A-Za-z']{2,}", without_numbers))


def run_one(folder: Path, file: str, *arguments: str) -> Run:
    """One run in a process of its own, in a copy of the suite."""
    report = folder / "report.json"
    shared = SHARED.get(file, "everything")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(RUN_ONE), *arguments, shared, f"{file}.lua", str(report)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        encoding="latin-1",
        check=False,
    )
    told: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {"ended": done.stdout[-3000:]}
    outcome = Outcome(done.returncode, told["ended"], words(done.stdout))
    return Run(outcome, told.get("hits", 0), tuple(told.get("tiers", ())))


@pytest.fixture
def run(lua: LuaVersion, library: str, sources: Path, tmp_path: Path) -> Callable[[str, str, str], Run]:
    """run(file, tier, collector)."""

    def run(file: str, tier: str, collector: str) -> Run:
        folder = tmp_path / f"{tier}-{collector}"
        shutil.copytree(sources / f"lua{lua.replace('.', '')}" / "testes", folder)
        return run_one(folder, file, lua, library, tier, collector)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lua", "file"), [(lua, file) for lua, files in ALL_FILES.items() for file in files], indirect=["lua"]
)
def test_a_file_ends_the_same_in_every_tier(
    file: str, lua: LuaVersion, tiers: tuple[Sharing, ...], run: Callable[[str, str, str], Run]
) -> None:
    jobs = [(tier, collector) for tier in ("stock", *tiers) for collector in COLLECTORS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = dict(zip(jobs, pool.map(lambda job: run(file, *job), jobs), strict=True))
    assert runs["stock", "incremental"].outcome.ended == "finished", "the stock run itself fails: nothing is shown"
    for tier, collector in jobs:
        ran, stock = runs[tier, collector], runs["stock", collector]
        same = (lua, tier, file) not in KNOWN_DIFFERENCES
        assert (ran.outcome == stock.outcome) is same, f"{tier}, {collector}: {ran.outcome}\nstock: {stock.outcome}"
        if tier not in ("stock", "off"):
            assert ran.hits >= 1 and tier in ran.tiers, f"{file}.lua was not shared: {ran}"


@pytest.mark.slow
def test_no_file_is_forgotten(lua: LuaVersion, sources: Path) -> None:
    there = {path.stem for path in (sources / f"lua{lua.replace('.', '')}" / "testes").glob("*.lua")}
    assert there == {*ALL_FILES[lua], *NOT_RUN}
