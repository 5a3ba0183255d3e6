"""`moonscope compare`: what differs between two files, or between one file under two Luas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Command

OLD = "local M = {}\nfunction M.size(t) return #t * 2 end\nfunction M.gone(t) return t end\nreturn M\n"
NEW = "local M = {}\nfunction M.size(t) return #t * 3 end\nfunction M.fresh() return 'new', 1 end\nreturn M\n"


@pytest.fixture(autouse=True)
def two_files(tmp_path: Path) -> None:
    (tmp_path / "old.lua").write_text(OLD)
    (tmp_path / "new.lua").write_text(NEW)


def test_prototypes_are_matched_and_what_differs_is_shown(moonscope: Command) -> None:
    done = moonscope("compare", "old.lua", "new.lua")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("- old.lua  (Lua 5.4, 3 prototypes")
    assert lines[1].startswith("+ new.lua  (Lua 5.4, 3 prototypes")
    assert any(line.startswith("changed  M.size  lines 2–2") for line in lines)
    assert any(line.startswith("removed  M.gone") for line in lines)
    assert any(line.startswith("added    M.fresh") for line in lines)
    assert "    - MULK 1 1 k(2)" in lines
    assert "    + MULK 1 1 k(3)" in lines
    assert "    - constant 2" in lines
    assert "    + constant 3" in lines
    assert lines[-1] == "prototypes: 0 same, 2 changed, 1 added, 1 removed"


def test_a_file_is_the_same_as_itself(moonscope: Command) -> None:
    done = moonscope("compare", "old.lua", "old.lua")
    assert done.stdout.splitlines()[-1] == "prototypes: 3 same, 0 changed, 0 added, 0 removed"


def test_one_file_under_two_luas(moonscope: Command) -> None:
    done = moonscope("compare", "old.lua", "--lua", "5.1", "--lua-b", "5.4")
    assert done.returncode == 0
    assert "- old.lua  (Lua 5.1" in done.stdout
    assert "+ old.lua  (Lua 5.4" in done.stdout
    assert "0 added, 0 removed" in done.stdout
    assert "different instructions" in done.stderr


def test_json_is_the_whole_comparison(moonscope: Command) -> None:
    comparison = json.loads(moonscope("compare", "old.lua", "new.lua", "--json").stdout)
    assert (comparison["a"]["key"], comparison["b"]["key"]) == ("old.lua", "new.lua")
    changes = {change["match"]: change for change in comparison["changes"] if (change["a"] or change["b"])["path"]}
    assert changes["changed"]["a"]["name"] == "M.size"
    assert changes["changed"]["constants_added"] == ["3"]
    assert changes["removed"]["b"] is None
    assert changes["added"]["b"]["size"] > 0


@pytest.mark.slow
def test_a_wrong_command_line_says_what_to_do(moonscope: Command) -> None:
    done = moonscope("compare", "old.lua")
    assert done.returncode == 2
    assert "--lua-b" in done.stderr
    assert moonscope("compare", "old.lua", "missing.lua").returncode == 2
    assert moonscope("compare", "old.lua", "--lua-b", "6.0").returncode == 2


def test_a_broken_file_is_an_error_of_the_file(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.lua").write_text("x = =")
    done = moonscope("compare", "old.lua", "broken.lua")
    assert (done.returncode, done.stdout) == (1, "")
    assert "broken.lua:1:" in done.stderr
