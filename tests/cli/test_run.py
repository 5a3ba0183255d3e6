"""`moonscope run`: every file in every VM, told as a table and as one JSON object."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace
from rich.console import Console

from moonscope.cli.report import RunReport, table

from .conftest import Command

WHOLE = {"files", "prototypes", "vms", "hits", "misses", "bypasses", "races", "errors", "shared_bytes", "rss_bytes"} | {
    "cleared_bytes", "retained_bytes", "freed_after_close_bytes", "private_bytes_per_vm", "unshared_bytes_per_vm",
    "overhead_bytes", "conflicts", "conflict_vms", "evicted",
}  # fmt: skip
FRACTIONS = {"first_vm_us_per_file", "next_vm_us_per_file", "duration_s"}
WORDS = {"lua", "release", "sharing", "sharing_why", "mode", "libraries"}


def report(moonscope: Command, *arguments: str | Path) -> dict[str, Any]:
    done = moonscope("run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_first_vm_compiles_and_the_others_hit(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "5")
    assert (found["files"], found["vms"], found["prototypes"]) == (12, 5, 36)
    assert (found["misses"], found["hits"]) == (12, 48)
    assert (found["bypasses"], found["races"], found["errors"]) == (0, 0, 0)
    assert (found["lua"], found["mode"]) == ("5.4", "on")
    assert found["sharing"] in ("graft", "direct")  # the second where Moonscope's own runtime is installed


@pytest.mark.parametrize("libraries", ["all", "restricted", "pure"])
def test_the_libraries_of_the_vms_change_nothing_in_what_they_share(
    moonscope: Command, library: Path, libraries: str
) -> None:
    found = report(moonscope, library, "--vms", "3", "--libraries", libraries)
    assert (found["libraries"], found["misses"], found["hits"], found["conflicts"]) == (libraries, 12, 24, 0)


def test_json_is_one_object_with_these_types(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "3")
    assert {name for name, value in found.items() if type(value) is int} == WHOLE
    assert {name for name, value in found.items() if type(value) is float} == FRACTIONS
    assert {name for name, value in found.items() if type(value) is str} == WORDS
    assert (found["failures"], found["interrupted"]) == ([], False)
    assert all(found[name] >= 0 for name in WHOLE | FRACTIONS)


def test_the_table_shows_the_numbers_of_the_json(moonscope: Command, library: Path) -> None:
    done = moonscope("run", library, "--vms", "40", "--json")
    found = json.loads(done.stdout)
    shown = {line.split("  ")[0]: line for line in done.stderr.splitlines()}
    rows = {
        "files": "files",
        "prototypes": "prototypes",
        "VMs": "vms",
        "hits": "hits",
        "misses": "misses",
        "shared bytes": "shared_bytes",
        "private bytes per VM": "private_bytes_per_vm",
        "unshared bytes per VM": "unshared_bytes_per_vm",
        "overhead bytes": "overhead_bytes",
        "process RSS bytes": "rss_bytes",
        "first VM, µs per file": "first_vm_us_per_file",
        "next VM, µs per file": "next_vm_us_per_file",
        "returned by clear, bytes": "cleared_bytes",
        "duration, s": "duration_s",
    }
    for title, name in rows.items():
        assert f" {found[name]:,} " in f"{shown[title]} ", title


def test_without_json_the_table_is_the_output(moonscope: Command, library: Path) -> None:
    done = moonscope("run", library, "--vms", "2")
    assert done.returncode == 0
    assert "unshared bytes per VM" in done.stdout
    assert done.stderr == ""


def test_what_the_cache_held_comes_back_in_full(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "3")
    returned = found["cleared_bytes"] + found["freed_after_close_bytes"]
    assert 0 < returned <= found["shared_bytes"] < 2 * returned  # strings that files have in common are shared besides
    assert found["retained_bytes"] == found["freed_after_close_bytes"]


@pytest.mark.parametrize(
    ("options", "outcome"),
    [(["--mode", "off"], "bypasses"), (["--mode", "exist"], "bypasses"), (["--sharing", "off"], "bypasses")],
)
def test_without_storing_every_load_is_a_bypass(
    moonscope: Command, library: Path, options: list[str], outcome: str
) -> None:
    found = report(moonscope, library, "--vms", "3", *options)
    assert found[outcome] == 36
    assert (found["hits"], found["misses"], found["shared_bytes"], found["prototypes"]) == (0, 0, 0, 0)
    assert found["private_bytes_per_vm"] == found["unshared_bytes_per_vm"] > 0


def test_sharing_off_is_what_is_in_force(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "2", "--sharing", "off")
    assert (found["sharing"], found["mode"]) == ("off", "off")


@pytest.mark.parametrize("sharing", ["graft", "bytecode"])
def test_a_tier_that_was_asked_for_needs_no_reason(moonscope: Command, library: Path, sharing: str) -> None:
    found = report(moonscope, library, "--vms", "2", "--sharing", sharing)
    assert (found["sharing"], found["tiers"], found["sharing_why"]) == (sharing, {sharing: 12}, "")


def test_why_code_is_not_shared_better_is_told(moonscope: Command, library: Path) -> None:
    done = moonscope("run", library, "--vms", "2", "--lua", "5.1")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("sharing")]
    assert line.split(maxsplit=2)[1:] == ["bytecode", "cache mode on; code can be shared on Lua 5.4 and 5.5 only"]


def test_files_that_cannot_be_shared_are_counted(moonscope: Command, library: Path) -> None:
    (library / "many.lua").write_text("".join(f"global{i} = 'value {i}'\n" for i in range(20_000)))
    found = report(moonscope, library, "--vms", "2")
    others = {tier: count for tier, count in found["tiers"].items() if tier != found["sharing"]}
    assert sum(found["tiers"].values()) == 13
    table = moonscope("run", library, "--vms", "2").stdout
    assert all(f"{tier} for {count} of the files" in table for tier, count in others.items())


@pytest.mark.parametrize("lua", ["5.1", "5.2", "5.3", "5.4", "5.5", "luajit2.0", "luajit2.1"])
def test_every_lua(moonscope: Command, library: Path, lua: str) -> None:
    found = report(moonscope, library, "--vms", "3", "--lua", lua)
    assert found["lua"] == lua
    assert found["release"].startswith("LuaJIT 2." if lua.startswith("luajit") else f"Lua {lua}.")
    assert (found["misses"], found["hits"], found["prototypes"]) == (12, 24, 36)


def test_a_limited_cache_tells_what_it_stores_and_what_gave_way(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "2", "--cache-files", "5")
    assert (found["prototypes"], found["tiers"]) == (5 * 3, {found["sharing"]: 5})
    assert found["evicted"] == found["misses"] - 5
    assert found["retained_bytes"] > 0


def test_one_vm_has_no_next_one(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "1")
    assert found["next_vm_us_per_file"] is None
    assert found["first_vm_us_per_file"] > 0
    assert found["private_bytes_per_vm"] > 0


def test_a_file_named_twice_counts_once(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, library / "module0.lua", library, "--vms", "2")
    assert (found["files"], found["misses"]) == (12, 12)


def test_more_vms_than_are_measured_one_by_one(moonscope: Command, library: Path) -> None:
    found = report(moonscope, library, "--vms", "100", "--workers", "3")
    assert (found["vms"], found["misses"], found["hits"]) == (100, 12, 99 * 12)


def test_files_are_loaded_but_not_run(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "loop.lua").write_text("while true do end")
    (tmp_path / "exit.lua").write_text("os.exit(3)")
    found = report(moonscope, tmp_path, "--vms", "2")
    assert (found["files"], found["errors"]) == (2, 0)


def test_what_a_vm_has_by_graft_is_told(moonscope: Command, library: Path) -> None:
    """A run has no such conflict of its own, as its VMs run nothing; an embedder's VMs may."""
    found = convert(report(moonscope, library, "--vms", "3"), RunReport)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(replace(found, conflicts=1, conflict_vms=1)))
    assert "1 by graft in 1 of the VMs" in console.export_text()
