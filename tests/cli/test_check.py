"""`moonscope check`: a verdict per file, an exit code for CI, JSON and SARIF for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

CLEAN = "local M = {}\nfunction M.f(s) return string.format('%s', s) end\nreturn M\n"
READS = "local level = config.level\nreturn level\n"
WRITES = "count = 0\nfunction step()\n  count = count + 1\nend\nstring.trim = step\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "inner").mkdir(parents=True)
    (folder / "clean.lua").write_text(CLEAN)
    (folder / "inner" / "reads.lua").write_text(READS)
    (folder / "writes.lua").write_text(WRITES)
    return folder


def test_each_file_gets_a_verdict_with_names_and_lines(moonscope: Command, project: Path) -> None:
    done = moonscope("check", "src")
    lines = done.stdout.splitlines()
    assert re.search(r"^shares cleanly +src/clean.lua$", done.stdout, re.MULTILINE)
    reads = next(at for at, line in enumerate(lines) if re.match(r"reads state of its VM +src/inner/reads.lua", line))
    assert "config (line 1)" in lines[reads + 1]
    writes = next(at for at, line in enumerate(lines) if re.match(r"writes globals +src/writes.lua", line))
    why = "\n".join(lines[writes + 1 : writes + 4])
    assert "count (lines 1, 3), step (line 2)" in why
    assert "changes the standard library: string.trim (line 5)" in why
    counts = "shares cleanly: 1, reads state of its VM: 1, may write: 0, writes globals: 1"
    assert f"3 files (Lua 5.4): {counts}" in done.stdout
    assert "each VM has to run it" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["src/clean.lua"], 0),
        (["src/inner"], 0),
        (["src/clean.lua", "src/inner"], 0),
        (["src/writes.lua"], 1),
        (["src"], 1),
    ],
)
def test_the_exit_code_is_1_when_a_file_writes_globals(
    moonscope: Command, project: Path, paths: list[str], code: int
) -> None:
    assert moonscope("check", *paths).returncode == code
    assert moonscope("check", *paths, "--quiet").returncode == code
    assert moonscope("check", *paths, "--json").returncode == code
    assert moonscope("check", *paths, "--sarif").returncode == code


def test_quiet_shows_only_files_that_write_globals(moonscope: Command, project: Path) -> None:
    done = moonscope("check", "src", "--quiet")
    assert "src/writes.lua" in done.stdout
    assert "count" in done.stdout
    assert "clean.lua" not in done.stdout
    assert "reads.lua" not in done.stdout
    assert moonscope("check", "src/clean.lua", "--quiet").stdout == ""


def test_json_has_everything(moonscope: Command, project: Path) -> None:
    report = json.loads(moonscope("check", "src", "--json", "--lua", "5.1").stdout)
    assert report["lua"] == "5.1"
    assert report["counts"] == {"shares cleanly": 1, "reads state of its VM": 1, "may write": 0, "writes globals": 1}
    by_name = {file["key"]: file for file in report["files"]}
    writes = by_name["src/writes.lua"]
    assert writes["verdict"] == "writes globals"
    assert writes["writes"] == ["count", "step", "string.trim"]
    assert [(each["line"], each["name"]) for each in writes["reasons"] if each["kind"] == "writes-global"] == [
        (1, "count"),
        (2, "step"),
        (3, "count"),
    ]
    assert by_name["src/inner/reads.lua"]["reads"] == ["config"]
    assert report["failures"] == []


@pytest.mark.slow
def test_the_standard_library_is_that_of_the_chosen_lua(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("utf8 = {}\n")
    for lua, kind in (("5.1", "writes-global"), ("5.3", "changes-standard-library")):
        [file] = json.loads(moonscope("check", "a.lua", "--json", "--lua", lua).stdout)["files"]
        assert [reason["kind"] for reason in file["reasons"]] == [kind]


@pytest.mark.slow
def test_broken_files_are_named_and_the_rest_goes_on(moonscope: Command, project: Path) -> None:
    (project / "broken.lua").write_bytes(b"x = = \xff1\n")
    done = moonscope("check", "src")
    assert done.returncode == 1
    assert "src/broken.lua:1:" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "could not be checked: 1" in done.stdout
    assert "src/writes.lua" in done.stdout
    report = json.loads(moonscope("check", "src", "--json").stdout)
    assert [failure["path"] for failure in report["failures"]] == ["src/broken.lua"]
    (project / "writes.lua").unlink()
    assert moonscope("check", "src").returncode == 0


@pytest.mark.parametrize("lua", ["5.1", "5.2", "5.3", "5.4", "5.5"])
def test_error_messages_that_quote_bytes_can_be_printed(moonscope: Command, tmp_path: Path, lua: str) -> None:
    (tmp_path / "broken.lua").write_bytes(b"x = '\xc2 \n")
    (tmp_path / "fine.lua").write_text("return 1")
    done = moonscope("check", ".", "--json", "--lua", lua)
    assert done.returncode == 0
    [failure] = json.loads(done.stdout)["failures"]
    assert "broken.lua:1" in failure["message"]


@pytest.mark.slow
def test_nothing_to_check_is_a_wrong_command_line(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.lua").write_text("x =")
    done = moonscope("check", "empty")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no .lua file" in done.stderr
    done = moonscope("check", "broken.lua")
    assert done.returncode == 2
    assert "no file could be checked" in done.stderr
    assert moonscope("check", "missing.lua").returncode == 2
    assert moonscope("check").returncode == 2
    assert moonscope("check", "empty", "--lua", "6.0").returncode == 2
    assert moonscope("check", "empty", "--json", "--sarif").returncode == 2


@pytest.mark.parametrize("lua", ["luajit2.0", "luajit2.1"])
def test_luajit_finds_what_51_finds(moonscope: Command, project: Path, lua: str) -> None:
    found, expected = (json.loads(moonscope("check", "src", "--json", "--lua", each).stdout) for each in (lua, "5.1"))
    assert found["counts"] == expected["counts"]
    names = [[(file["reads"], file["writes"], file["modules"]) for file in one["files"]] for one in (found, expected)]
    assert names[0] == names[1]


def test_many_lines_are_cut_for_people_only(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("x = 1\n" * 100)
    assert "and 92 more" in moonscope("check", "a.lua").stdout
    [file] = json.loads(moonscope("check", "a.lua", "--json").stdout)["files"]
    assert len(file["reasons"]) == 100


def sarif(done_stdout: str) -> dict[str, Any]:
    """The log, checked against what SARIF 2.1.0 requires of the parts that are used."""
    log: dict[str, Any] = json.loads(done_stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] and driver["version"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["name"])
        assert all(rule[part]["text"] for part in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    bases = run["originalUriBaseIds"]
    assert all(base["uri"].startswith("file:///") and base["uri"].endswith("/") for base in bases.values())
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("note", "warning")
        assert result["message"]["text"]
    [invocation] = run["invocations"]
    assert invocation["executionSuccessful"] is True
    for located in [*run["results"], *invocation["toolExecutionNotifications"]]:
        [location] = located["locations"]
        artifact = location["physicalLocation"]["artifactLocation"]
        assert re.fullmatch(r"[A-Za-z0-9%._~/:-]+", artifact["uri"])
        assert artifact["uri"].startswith("file:///") or artifact["uriBaseId"] in bases
        region = location["physicalLocation"].get("region")
        assert region is None or region["startLine"] >= 1
    return run


def test_sarif_places_every_reason(moonscope: Command, project: Path) -> None:
    run = sarif(moonscope("check", "src", "--sarif").stdout)
    found = [
        (
            result["ruleId"],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for result in run["results"]
    ]
    assert ("reads-global", "note", "src/inner/reads.lua", 1) in found
    assert ("writes-global", "warning", "src/writes.lua", 2) in found
    assert ("changes-standard-library", "warning", "src/writes.lua", 5) in found
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == project.parent.as_uri() + "/"


def test_sarif_names_files_that_could_not_be_checked(moonscope: Command, project: Path) -> None:
    (project / "broken.lua").write_text("x = =")
    run = sarif(moonscope("check", "src", "--sarif").stdout)
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "src/broken.lua"


def test_sarif_of_files_elsewhere_and_of_odd_names(moonscope: Command, tmp_path: Path) -> None:
    names = [b"a b.lua", b"50%.lua", "größe.lua".encode()]
    if sys.platform == "linux":  # elsewhere file names are Unicode
        names.append(b"\xff.lua")
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x = 1")
    run = sarif(moonscope("check", ".", "--sarif").stdout)
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert {"a%20b.lua", "50%25.lua"} <= uris
    assert len(uris) == len(names)
    outside = tmp_path.parent / "outside.lua"
    outside.write_text("x = 1")
    run = sarif(moonscope("check", outside, "--sarif").stdout)
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == outside.as_uri()
