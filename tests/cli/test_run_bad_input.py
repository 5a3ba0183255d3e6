"""What people feed to `moonscope run` by mistake: named on stderr, counted, and nothing else is lost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from .conftest import Command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"local x = = 1", r"bad\.lua:1: unexpected symbol near '='"),
        (b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n", r"binary chunk"),
        (b"\x89PNG\r\n\x1a\n\0\0", r"bad\.lua:1: unexpected symbol"),
        (b"return '\xff\xfe' =", r"bad\.lua:1: "),
    ],
    ids=["syntax error", "precompiled", "picture", "not UTF-8"],
)
def test_a_broken_file_does_not_stop_the_rest(moonscope: Command, library: Path, content: bytes, says: str) -> None:
    (library / "bad.lua").write_bytes(content)
    done = moonscope("run", library, "--vms", "3", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["files"], found["misses"], found["hits"], found["errors"]) == (13, 12, 24, 3)
    [failure] = found["failures"]
    assert failure["path"].endswith("bad.lua")
    assert re.search(says, failure["message"])
    assert re.search(says, done.stderr)
    assert done.stderr.count("moonscope: ") == 1  # once, not once per VM


@pytest.mark.parametrize(
    "content", [b"", b"-- caf\xe9\n", b"#!/usr/bin/lua\nreturn 1"], ids=["empty", "latin-1", "script"]
)
def test_unusual_but_good_files_load(moonscope: Command, library: Path, content: bytes) -> None:
    (library / "good.lua").write_bytes(content)
    found = json.loads(moonscope("run", library, "--vms", "2", "--json").stdout)
    assert (found["files"], found["errors"], found["failures"]) == (13, 0, [])


def test_a_huge_file_is_an_error_like_others(moonscope: Command, library: Path) -> None:
    with (library / "huge.lua").open("wb") as file:
        file.truncate(1 << 30)  # sparse
    done = moonscope("run", library, "--vms", "2", "--json")
    found = json.loads(done.stdout)
    assert [Path(failure["path"]).name for failure in found["failures"]] == ["huge.lua"]
    assert "huge.lua" in done.stderr
    assert found["misses"] == 12


def test_what_is_no_file_is_named(moonscope: Command, library: Path) -> None:
    (library / "dangling.lua").symlink_to("nowhere")
    os.mkfifo(library / "pipe.lua")
    (library / "folder.lua").mkdir()
    (library / "folder.lua" / "inside.lua").write_text("return 1")
    done = moonscope("run", library, "--vms", "2", "--json")
    found = json.loads(done.stdout)
    assert {Path(failure["path"]).name for failure in found["failures"]} == {"dangling.lua", "pipe.lua"}
    assert "dangling.lua: No such file" in done.stderr
    assert "pipe.lua: not a regular file" in done.stderr
    assert found["misses"] == 13  # the folder is searched like any other


NAMES = {
    b"with space.lua": "with space.lua",
    b"quo\"te's.lua": "quo\"te's.lua",
    b"new\nline.lua": r"new\nline.lua",
    b"esc\x1b[31m.lua": r"esc\x1b[31m.lua",
    "中文.lua".encode(): "中文.lua",
    b"latin\xe9.lua": r"latin\xe9.lua",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=NAMES.values())
def test_any_name_loads_and_is_shown_in_one_line(moonscope: Command, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    file = Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))  # noqa: PTH118 (bytes)
    try:
        file.write_text("return 1")
    except OSError:
        pytest.skip("this file system refuses the name")  # macOS: names are UTF-8
    good = json.loads(moonscope("run", folder, file, "--vms", "2", "--json").stdout)
    assert (good["files"], good["misses"], good["errors"]) == (1, 1, 0)
    file.write_text("return return")
    broken = moonscope("run", folder, "--vms", "2")
    assert broken.returncode == 0
    [line] = broken.stderr.splitlines()
    assert f"{NAMES[name]}:1: " in line


@pytest.mark.slow
def test_a_folder_without_lua_files_is_said(moonscope: Command, tmp_path: Path) -> None:
    done = moonscope("run", tmp_path, "--vms", "2", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["files"] == 0
    assert "no .lua file" in done.stderr


@pytest.mark.slow
def test_a_vm_that_is_full_is_an_error_of_its_file(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "large.lua").write_text("return {" + "'0123456789', 12345678.5, " * 40_000 + "}")
    (tmp_path / "small.lua").write_text("return 1")
    done = moonscope("run", tmp_path, "--vms", "2", "--memory-cap", "200K", "--sharing", "bytecode", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert {Path(failure["path"]).name: failure["message"] for failure in found["failures"]} == {
        "large.lua": "not enough memory"
    }
    assert found["hits"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--vms", "2"], "nowhere: no such file or folder"),
        (["", "--vms", "2"], "an empty path"),
        (["bad\udcff\n", "--vms", "2"], r"bad\xff\n: no such file or folder"),
        ([".", "--vms", "0"], "0 is too small"),
        ([".", "--vms", "many"], "'many' is no whole number"),
        ([".", "--vms", "2", "--workers", "0"], "0 is too small"),
        ([".", "--vms", "2", "--mode", "sometimes"], "'sometimes' is none of on|exist|off"),
        ([".", "--vms", "2", "--lua", "6.0"], "'6.0' is none of 5.1|5.2"),
        ([".", "--vms", "2", "--sharing", "magic"], "'magic' is none of auto|direct|graft|bytecode|off"),
        ([".", "--vms", "2", "--memory-cap", "lots"], "'lots' is no size"),
        (["."], "required: --vms"),
        (["--vms", "2"], "required: PATH"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(moonscope: Command, arguments: list[str], says: str) -> None:
    done = moonscope("run", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
