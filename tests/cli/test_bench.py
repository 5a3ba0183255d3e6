"""`moonscope bench`: figures with their spread. Whether a target is met is the reader's matter, never a test's."""

from __future__ import annotations

import importlib.util
import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.cli import bench_speed
from moonscope.cli.bench_engine import _tier, loaders
from moonscope.cli.bench_native import measure_recording
from moonscope.cli.bench_tiers import Rival, make_cache
from moonscope.cli.measure import Measure, Target, summary, table
from moonscope.errors import MoonscopeError
from moonscope.model import LuaVersion

from .conftest import Command

TIERS = ["off", "bytecode", "graft", *(["direct"] if runtime.has_own(LuaVersion.LUA54) else [])]


def quick(moonscope: Command, *arguments: str | Path) -> dict[str, Any]:
    done = moonscope("bench", *arguments, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"table": done.stderr}


def by_tier(found: dict[str, Any], what: str) -> dict[str, dict[str, Any]]:
    return {measure["tier"]: measure for measure in found["measures"] if measure["what"] == what}


@pytest.mark.slow
def test_every_tier_is_compared_with_plain_loads(moonscope: Command, library: Path) -> None:
    found = quick(moonscope, library)
    assert (found["lua"], found["files"], found["quick"], found["tiers"]) == ("5.4", 12, True, TIERS)
    assert "only Lua 5.5" in found["missing"]["fixed"]
    for measure in found["measures"]:
        low, high = measure["middle_half"]
        assert low <= measure["median"] <= high
        assert min(measure["values"]) <= low
        assert (measure["met"] is None) is (measure["target"] is None)
        assert measure["what"] in found["table"]
    for what in ("first load of a file", "next VM, load per file, cache-hot", "private bytes added per VM"):
        assert list(by_tier(found, what)) == TIERS
        assert by_tier(found, what)["off"]["of_plain"] == 1.0
    # What no noise can turn round: shared loads take a small part of the time and of the memory.
    assert by_tier(found, "next VM, load per file, cache-hot")["graft"]["of_plain"] < 1
    assert by_tier(found, "private bytes added per VM")["graft"]["of_plain"] < 1
    assert by_tier(found, "private bytes added per VM")["bytecode"]["of_plain"] == 1.0
    assert "off" not in by_tier(found, "shared bytes of the filled cache")
    returned = by_tier(found, "shared bytes returned by clear and last holder")
    assert list(returned) == TIERS[1:]
    assert returned["bytecode"]["median"] == returned["graft"]["median"] == 100.0
    assert by_tier(found, "process (RSS) with 100 VMs")["off"]["median"] > 1
    # Running speed: a value for each process, against lupa's Lua and against the same runtime.
    speed = by_tier(found, bench_speed.WHAT)
    assert list(speed) == TIERS
    shared = TIERS[TIERS.index("graft") :]
    assert list(by_tier(found, bench_speed.AGAINST_STOCK)) == shared
    assert list(by_tier(found, bench_speed.AGAINST_OWN)) == shared[1:]
    for tier, measure in by_tier(found, bench_speed.AGAINST_STOCK).items():
        ratios = [us / plain for us, plain in zip(speed[tier]["values"], speed["off"]["values"], strict=True)]
        assert measure["values"] == ratios
        assert measure["target"] == "<= 1.03 x"
    wanted = {
        "cached load / bare undump of the same bytes": "<= 1.1 x",
        "hit with counters and events / without": "<= 1.03 x",
        "loads per second, two workers / one": ">= 1.6 x",
        "spawning and closing a VM, CPU time against a bare LuaRuntime": "<= 1.2 of plain",
    }
    if "workers" in found["left_out"]:  # where other programs run, too
        assert "too noisy to tell" in found["left_out"].pop("workers")
        del wanted["loads per second, two workers / one"]
    assert {what: next(iter(by_tier(found, what).values()))["target"] for what in wanted} == wanted
    assert found["left_out"] == {}


@pytest.mark.slow
def test_a_fixed_buffer_is_compared_on_55(moonscope: Command, library: Path) -> None:
    found = quick(moonscope, library, "--lua", "5.5", "--tiers", "fixed")
    assert (found["tiers"], found["missing"]) == (["off", "fixed"], {})
    assert by_tier(found, "private bytes added per VM")["fixed"]["of_plain"] < 1


@pytest.mark.slow
def test_a_lua_without_shared_tiers_compares_the_others(moonscope: Command, library: Path) -> None:
    found = quick(moonscope, library, "--lua", "luajit2.1")
    assert found["tiers"] == ["off", "bytecode"]
    assert set(found["missing"]) == {"fixed", "graft", "direct"}


@pytest.mark.slow
def test_bundled_samples_are_the_default_and_a_chart_is_drawn(moonscope: Command, tmp_path: Path) -> None:
    found = quick(moonscope, "--tiers", "graft", "--plot", "bench.svg")
    assert found["files"] > 20
    drawn = ElementTree.parse(tmp_path / "bench.svg").getroot()
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"first load of a file", "off", "graft"} <= texts
    bars = [float(bar.get("width", "")) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) - 1 == sum(1 for measure in found["measures"] if measure["tier"])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("PySide6") is None, reason="a PNG is drawn by Qt, which is not installed")
def test_a_chart_as_png(moonscope: Command, library: Path, tmp_path: Path) -> None:
    quick(moonscope, library, "--tiers", "graft", "--plot", "bench.png")
    assert (tmp_path / "bench.png").read_bytes()[:4] == b"\x89PNG"


def test_the_report_fits_80_columns_and_says_what_is_good_and_bad() -> None:
    title = "spawning and closing a VM, CPU time against a bare LuaRuntime"
    measures = [
        Measure(title, [10.0, 11.0], "µs", "off", plain=[10.0, 11.0]),
        Measure(title, [123_456.0, 123_457.0], "µs", "direct", plain=[10.0, 11.0]),
        Measure("private bytes added per VM", [2.0, 2.0], "KiB", "direct", plain=[100.0, 100.0]),
        Measure("hits of two threads / one", [0.5, 0.5], "x", "direct", plain=[1.0, 1.0]),
    ]
    lines = table(measures).splitlines()
    assert lines.count(title) == 1
    assert max(map(len, lines)) <= 80
    better, worse = summary(measures).splitlines()
    assert better == "direct: better than plain Lua in 1 of these, most in: private bytes added per VM (0.02 x)"
    assert worse.startswith(f"direct: more than plain Lua: {title} (")


def test_targets_are_held_against_values_or_ratios() -> None:
    measure = Measure("load", [3.0, 1.0, 2.0], "µs", "graft", plain=[6.0, 4.0, 10.0])
    assert (measure.middle, measure.ratio, measure.spread, measure.met) == (2.0, 0.25, (1.5, 2.5), None)
    for target, met in [
        (Target("<=", 2.0), True),
        (Target("<=", 1.9), False),
        (Target(">=", 2.0), True),
        (Target("<=", 0.25, "ratio"), True),
        (Target("<=", 0.2, "ratio"), False),
    ]:
        assert Measure(measure.what, measure.values, "µs", "graft", measure.plain, target).met is met
    assert Measure("load", [1.0], target=Target("<=", 1.0, "ratio")).met is None  # nothing to compare with


@pytest.mark.slow
def test_nothing_to_load_is_a_wrong_command_line(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, says in (
        (["empty"], "no .lua files"),
        (["nowhere"], "no such file"),
        (["--tiers", "graft,shared"], "'shared' is none of off, bytecode"),
        (["--plot", "bench.pdf"], "must end in .svg or .png"),
        (["--plot", "nowhere/bench.svg"], "no such folder"),
    ):
        done = moonscope("bench", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr


def test_only_broken_files_are_said(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.lua").write_text("return return")
    done = moonscope("bench", "broken.lua", "--quick")
    assert done.returncode == 1
    assert "none of the files compiles as Lua 5.4: broken.lua" in done.stderr


def test_noise_does_not_make_the_calibration_run_away() -> None:
    asked: list[int] = []

    def never_busy(count: int) -> float:
        asked.append(count)
        return 0.0 if len(asked) % 2 else -1.0

    with pytest.raises(MoonscopeError, match="too noisy to tell"):
        loaders(never_busy)
    assert sum(asked) < 4_000
    moments = iter(range(0, 1_000, 30))
    with pytest.raises(MoonscopeError, match="too noisy to tell"):
        loaders(lambda count: 0.0, lambda: float(next(moments)))
    assert loaders(lambda count: count / 1_000) == 256


def test_an_engine_is_labelled_with_the_tier_in_force() -> None:
    caches = {rival: make_cache(LuaVersion.LUA54, rival) for rival in (Rival.OFF, Rival.BYTECODE)}
    assert _tier(caches, own=False) == CodeCache("5.4", own=False).tier.value == "graft"
    assert _tier(caches, own=True) == ""


def test_recording_is_measured_on_the_best_tier(tmp_path: Path) -> None:
    file = tmp_path / "a.lua"
    file.write_text("return 1")
    undump, recording = measure_recording(LuaVersion.LUA54, [os.fsencode(file)], 3)
    assert (undump.tier, recording.tier) == ("bytecode", CodeCache("5.4", own=None).tier.value)
    assert all(value > 0 for measure in (undump, recording) for value in measure.values)
