"""`moonscope bench`: ratios with their spread. Whether a target is met is the reader's matter, never a test's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .conftest import Command


def test_quick_ratios_as_table_and_json(moonscope: Command, library: Path) -> None:
    done = moonscope("bench", library, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["lua"], found["files"], found["quick"]) == ("5.4", 12, True)
    ratios = {ratio["what"]: ratio for ratio in found["ratios"]}
    assert len(ratios) == 5
    for what, ratio in ratios.items():
        low, high = ratio["middle_half"]
        assert 0 < low <= ratio["median"] <= high
        assert min(ratio["values"]) <= low
        line = next(line for line in done.stderr.splitlines() if line.startswith(what))
        assert re.search(rf" {ratio['median']:.3f} +{low:.3f} to {high:.3f} +{len(ratio['values'])} ", line)
    assert ratios["cached load / bare undump of the same bytes"]["target"] == "<= 1.1"
    assert ratios["loads per second, two workers / one"]["target"] == ">= 1.6"


def test_every_target_is_judged(moonscope: Command, library: Path) -> None:
    for ratio in json.loads(moonscope("bench", library, "--quick", "--json").stdout)["ratios"]:
        if ratio["target"] is None:
            assert ratio["met"] is None
            continue
        sense, target = ratio["target"].split()
        low, high = sorted((ratio["median"], float(target)))
        assert ratio["met"] is ((ratio["median"] == low) if sense == "<=" else (ratio["median"] == high))


def test_nothing_to_load_is_a_wrong_command_line(moonscope: Command, tmp_path: Path) -> None:
    for path, says in ((tmp_path, "no .lua files"), (tmp_path / "nowhere", "no such file")):
        done = moonscope("bench", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr


def test_only_broken_files_are_said(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.lua").write_text("return return")
    done = moonscope("bench", "broken.lua", "--quick")
    assert done.returncode == 0
    assert "left out: cached loads, in C: nothing to measure" in done.stderr
