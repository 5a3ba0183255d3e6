"""`moonscope inspect`: the prototypes of one file as a tree, as JSON, as a listing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moonscope.model import LuaVersion

from .conftest import Command

SOURCE = """\
local greeting = "hello"
local function outer(a, b, ...)
  local function inner() return greeting end
  return inner
end
return outer
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "main.lua"
    path.write_text(SOURCE)
    return path


def test_the_tree_names_every_function_with_its_lines(moonscope: Command, file: Path) -> None:
    done = moonscope("inspect", file)
    assert done.returncode == 0
    head, main, outer, inner = done.stdout.splitlines()
    assert "main.lua  (Lua 5.4, 3 prototypes)" in head
    assert "main function" in main
    assert "outer" in outer
    assert "lines 2–5" in outer
    assert "2+ parameters" in outer
    assert "inner" in inner
    assert "1 upvalue" in inner
    assert main.index("main") < outer.index("function") < inner.index("function")


def test_depth_cuts_the_tree(moonscope: Command, file: Path) -> None:
    done = moonscope("inspect", file, "--depth", "1")
    assert "outer" in done.stdout
    assert "inner" not in done.stdout


def test_json_is_the_whole_tree(moonscope: Command, file: Path) -> None:
    tree = json.loads(moonscope("inspect", file, "--json").stdout)
    assert (tree["lua"], tree["key"]) == ("5.4", str(file))
    [outer] = tree["root"]["children"]
    [inner] = outer["children"]
    assert (outer["line"], outer["last_line"], outer["parameters"], outer["vararg"]) == (2, 5, 2, True)
    assert [upvalue["name"] for upvalue in inner["upvalues"]] == ["greeting"]
    assert '"hello"' in tree["root"]["constants"]


@pytest.mark.slow
def test_the_listing_has_every_function_and_instruction(moonscope: Command, file: Path) -> None:
    done = moonscope("inspect", file, "--listing")
    tree = json.loads(moonscope("inspect", file, "--json").stdout)
    heads = [line for line in done.stdout.splitlines() if line.startswith(("main <", "function <"))]
    assert [head.split(":")[-1].split(">")[0] for head in heads] == ["0,0", "2,5", "3,3"]
    assert done.stdout.endswith("\n")
    assert not done.stdout.endswith("\n\n")  # luac's has no empty line at its end
    for instruction in tree["root"]["code"]:
        assert f"\t{instruction['pc']}\t[{instruction['line']}]\t{instruction['opcode']}" in done.stdout


def test_the_listing_of_luajit_is_in_its_own_form(moonscope: Command, file: Path) -> None:
    done = moonscope("inspect", file, "--listing", "--lua", "luajit2.1")
    heads = [line for line in done.stdout.splitlines() if line.startswith("-- BYTECODE -- ")]
    assert [head.split(":")[-1] for head in heads] == ["3-3", "2-5", "0-7"]


@pytest.mark.parametrize("lua", ["5.1", "5.2", "5.3", "5.4", "5.5", "luajit2.0", "luajit2.1"])
def test_every_lua(moonscope: Command, file: Path, lua: str) -> None:
    done = moonscope("inspect", file, "--lua", lua)
    assert done.returncode == 0
    assert f"({LuaVersion(lua).full_name}, 3 prototypes)" in done.stdout


def test_a_file_is_compiled_and_not_run(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "exit.lua").write_text("while true do end os.exit(3)")
    assert moonscope("inspect", "exit.lua").returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.lua", b"return return", r"broken.lua:1: unexpected symbol near 'return'"),
        ("bytes.lua", b"\x1bLua\x54\x00", "bytes.lua: attempt to load a binary chunk"),
        ("odd\udcff\n.lua", b"x =", r"odd\xff\n.lua:1: "),
    ],
)
def test_a_file_that_does_not_compile_fails_in_lua_s_words(
    moonscope: Command, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    try:
        (tmp_path / name).write_bytes(content)
    except OSError:
        pytest.skip("this file system refuses the name")  # macOS: names are UTF-8
    done = moonscope("inspect", name)
    assert done.returncode == 1
    assert done.stderr.startswith("moonscope: error: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.lua"], "nowhere.lua: no such file or folder"),
        (["."], ". is no file"),
        ([], "required: FILE"),
        (["main.lua", "--json", "--listing"], "not allowed with"),
        (["main.lua", "--lua", "4"], "'4' is none of 5.1|"),
        (["main.lua", "--depth", "0"], "0 is too small"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    moonscope: Command, file: Path, arguments: list[str], says: str
) -> None:
    done = moonscope("inspect", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
